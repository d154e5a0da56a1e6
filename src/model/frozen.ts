/** Data that nobody changes after it was checked, in its type and at run time. */
export type Frozen<T> = T extends readonly (infer U)[]
  ? readonly Frozen<U>[]
  : T extends object
    ? { readonly [K in keyof T]: Frozen<T[K]> }
    : T

/** Freezes groups and lists at every depth, in place. */
export function freeze(data: unknown): void {
  if (typeof data !== 'object' || data === null) return
  Object.freeze(data)
  for (const inner of Object.values(data)) freeze(inner)
}
