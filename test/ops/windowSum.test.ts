import { cases } from "../cases/index.js";
import { describeCases } from "../harness/check.js";

describeCases(cases.windowSum);
