/**
 * The memory of one model:
 *
 * | bytes | what |
 * |---|---|
 * | 0 … 255 | control words of the barrier |
 * | 256 … 2303 | constants of expressions |
 * | 2304 … | variables, each on its own cache lines; what is released serves others |
 * | anywhere between | the arena, shared by the model's programs, of which one runs at a time |
 * | last 64 | slack: vector loads may read (and never use) a few bytes past a tensor |
 */
/** Constants of all programs, read with a splat: engines pair such loads into wider vectors, immediates they do not. */
export const constantsAddress = 256;
export const constantsBytes = 2048;
export const controlBytes = constantsAddress + constantsBytes;
export const slackBytes = 64;
export const alignment = 64;
export const pageBytes = 65536;
/** 4 GiB: what 32-bit addresses reach. */
export const maximumPages = 65536;

/** Words of the barrier that seldom change: what waiting has taught (see barrier.ts), and how many threads sleep. */
export const briefWaitsAddress = 0;
export const nextBriefWaitsAddress = 4;
export const sleepersAddress = 8;
/** Words of the barrier, on separate cache lines: threads that have arrived, and the round that is under way. */
export const arrivedAddress = 64;
export const roundAddress = 128;
/** Not 0 when a thread trapped: the others must not wait for it. */
export const failedAddress = 192;

export const align = (bytes: number): number => Math.ceil(bytes / alignment) * alignment;
