import type { ExampleTable } from "../autodiff/trainingGraph.js";
import { dtypeOf } from "../core/dtypes.js";
import { FoveaError } from "../core/errors.js";
import { type BatchSource, CopiedBatches, ResidentBatches } from "../data/batches.js";
import type { Dataset } from "../data/dataset.js";
import { Loader, type LoaderOptions } from "../data/loader/loader.js";
import type { Network } from "../model/network.js";
import type { Session } from "../runtime/session.js";
import { type Arranged, dataOptions } from "./arrange.js";

/** Data sets up to this size are kept in the model's memory as a whole: 512 MiB, an eighth of what one model can have. */
export const mostResidentBytes = 2 ** 29;

/** Whether a variable is a table of examples: no layer's name has a space. */
export function isTable(variable: string): boolean {
  return /^(training|validation) data\./.test(variable);
}

/** How data come into a model's memory. */
export interface Feeding {
  /** Larger data sets do not lie there as a whole. Default: {@link mostResidentBytes}. */
  readonly residentBytes?: number;
  /** Where batches come from that do not. Default: they are copied in front of each step. */
  readonly source?: (data: Dataset, batchSize: number) => BatchSource;
}

export interface PlacementOptions extends Feeding, Pick<LoaderOptions, "augment" | "seed" | "workers"> {
  /** Name of the table: one that no layer can have. */
  readonly name: "training data" | "validation data";
  /** Examples of the largest batch. */
  readonly batchSize: number;
}

const copied = (data: Dataset, batchSize: number) => new CopiedBatches(data, Math.min(batchSize, data.length));

/**
 * A data set where the programs of a session find its examples: in a table, as a whole or a batch at a time. The table
 * has the first input and target; columns beside them are written in front of each step.
 */
export class PlacedData {
  private constructor(
    readonly session: Session,
    readonly data: Arranged,
    readonly table: ExampleTable,
    readonly source: BatchSource,
    readonly variables: { readonly inputs: string; readonly targets: string },
    /** What graphs must know of the data. */
    readonly graphOptions: ReturnType<typeof dataOptions> & { readonly table: ExampleTable },
  ) {}

  /** Makes the table. Programs that read another one of that name and type read this one from now on. */
  static async place(
    session: Session,
    network: Network,
    given: Dataset,
    options: PlacementOptions,
  ): Promise<PlacedData> {
    const { name, batchSize, residentBytes = mostResidentBytes, source = copied, ...loading } = options;
    const data: Arranged = { ...given, columns: given.columns ?? {} };
    const variables = { inputs: `${name}.${network.inputs[0]!.name}`, targets: `${name}.target` };
    const place = async (batches: BatchSource) => {
      const { rows } = batches;
      await session.placeTables({
        [variables.inputs]: { shape: [rows, ...data.shape], dtype: dtypeOf(data.inputs) },
        [variables.targets]: { shape: [rows, ...data.targetShape], dtype: dtypeOf(data.targets) },
      });
      const table = { name, rows };
      return new PlacedData(session, data, table, batches, variables, { ...dataOptions(network, data), table });
    };
    if (data.reader !== undefined || loading.augment !== undefined) {
      const loader = new Loader(data, { batchSize, threads: session.threads, ...loading });
      return place(loader).catch(async (error: unknown) => {
        await loader.close();
        throw error;
      });
    }
    if (data.inputs.byteLength + data.targets.byteLength <= residentBytes) {
      try {
        return await place(new ResidentBatches(data));
      } catch (error) {
        // what cannot be had for the whole may be enough for a batch
        if (!(error instanceof FoveaError) || error.code !== "memory") throw error;
        await session.releaseTables(Object.values(variables));
      }
    }
    return place(source(data, batchSize));
  }

  /** Begins an epoch, when the programs that take part in it are compiled. */
  begin(order: Uint32Array, epoch: number): void {
    const { store } = this.session;
    const { inputs, targets } = this.variables;
    this.source.begin({ inputs: store.memoryOf(inputs), targets: store.memoryOf(targets) }, order, epoch);
  }

  /** Ends what works for the source of its batches. */
  async close(): Promise<void> {
    await this.source.close?.();
  }
}
