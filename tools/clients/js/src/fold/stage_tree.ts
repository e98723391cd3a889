// The stages of a job by path: each one's last attempt, and the fraction of the job that is done, as in
// src/core/stage_tree.h. Fractions are in millionths, so that the result does not depend on the order of updates. A
// stage's own report takes precedence; without one it has the mean of the stages directly below it.

interface Node {
  lastAttempt: number | undefined;
  own: number | undefined;
  children: number;
  childrenDone: number; // sum over the children
}

function doneOf(node: Node): number {
  if (node.own !== undefined) return node.own;
  return node.children === 0 ? 0 : Math.floor(node.childrenDone / node.children);
}

function parentOf(path: string): string {
  const slash = path.lastIndexOf("/");
  return slash < 0 ? "" : path.slice(0, slash);
}

export class StageTree {
  static readonly WHOLE = 1_000_000;

  // By path; the job itself has the empty path.
  readonly #nodes = new Map<string, Node>();

  get isEmpty(): boolean {
    return this.#nodes.size === 0;
  }

  /** A stage that will come: it counts as not begun until it says otherwise. */
  declare(path: string): void {
    this.#findOrAdd(path);
  }

  /** Where the last attempt at the stage is in the job's list; undefined before the first. */
  lastAttempt(path: string): number | undefined {
    return this.#nodes.get(path)?.lastAttempt;
  }

  setLastAttempt(path: string, index: number): void {
    this.#findOrAdd(path).lastAttempt = index;
  }

  /** What the stage says is done of itself, 0 to WHOLE; undefined: nothing. */
  setDone(path: string, done: number | undefined): void {
    const node = this.#findOrAdd(path);
    const before = doneOf(node);
    node.own = done;
    this.#updateParent(path, before, doneOf(node));
  }

  /** What is done of all stages, 0 to WHOLE. */
  done(): number {
    const job = this.#nodes.get("");
    return job === undefined ? 0 : doneOf(job);
  }

  #findOrAdd(path: string): Node {
    const known = this.#nodes.get(path);
    if (known !== undefined) return known;
    if (path !== "") {
      const parentPath = parentOf(path);
      const parent = this.#findOrAdd(parentPath);
      const before = doneOf(parent);
      ++parent.children;
      this.#updateParent(parentPath, before, doneOf(parent));
    }
    const node: Node = { lastAttempt: undefined, own: undefined, children: 0, childrenDone: 0 };
    this.#nodes.set(path, node);
    return node;
  }

  #updateParent(path: string, before: number, after: number): void {
    if (path === "" || before === after) return;
    const parentPath = parentOf(path);
    const parent = this.#findOrAdd(parentPath);
    const parentBefore = doneOf(parent);
    parent.childrenDone += after - before;
    this.#updateParent(parentPath, parentBefore, doneOf(parent));
  }
}
