// As index.ts, for Node.
import "./node_exit.js";

export * from "./index.js";
