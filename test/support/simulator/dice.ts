/**
 * The only source of chance in the simulator: sfc32, seeded, so that a run is replayed by its seed alone. Streams are forked by name, so
 * that drawing more faults never changes which calls exist.
 */
export class Dice {
  private readonly seedText: string
  private a: number
  private b: number
  private c: number
  private counter = 1

  constructor(seed: number | string) {
    this.seedText = String(seed)
    this.a = textHash(`${this.seedText}/a`)
    this.b = textHash(`${this.seedText}/b`)
    this.c = textHash(`${this.seedText}/c`)
    for (let i = 0; i < 12; i++) this.word()
  }

  /** An independent stream: the same name always gives the same one, whatever was drawn here before. */
  fork(name: string): Dice {
    return new Dice(`${this.seedText}/${name}`)
  }

  /** 32 random bits. */
  word(): number {
    const sum = (this.a + this.b + this.counter) >>> 0
    this.counter = (this.counter + 1) >>> 0
    this.a = this.b ^ (this.b >>> 9)
    this.b = (this.c + (this.c << 3)) >>> 0
    this.c = (((this.c << 21) | (this.c >>> 11)) + sum) >>> 0
    return sum
  }

  /** In [0, 1). */
  roll(): number {
    return this.word() / 0x1_0000_0000
  }

  chance(probability: number): boolean {
    return this.roll() < probability
  }

  /** A whole number in [from, until). */
  whole(from: number, until: number): number {
    return from + Math.floor(this.roll() * (until - from))
  }

  exponential(mean: number): number {
    return -Math.log(1 - this.roll()) * mean
  }

  /** Between two bounds, each order of magnitude equally likely: minutes are as common as hours. */
  spread(from: number, until: number): number {
    return Math.exp(Math.log(from) + this.roll() * (Math.log(until) - Math.log(from)))
  }

  pick<T>(choices: readonly T[]): T {
    const choice = choices[this.whole(0, choices.length)]
    if (choice === undefined) throw new Error('nothing to pick from')
    return choice
  }

  /** One of the keys, as often as its weight says. */
  weighted<K extends string>(weights: Readonly<Record<K, number>>): K {
    const entries = Object.entries(weights) as [K, number][]
    let left = this.roll() * entries.reduce((sum, [, weight]) => sum + weight, 0)
    for (const [key, weight] of entries) {
      left -= weight
      if (left < 0) return key
    }
    return (entries.at(-1) as [K, number])[0]
  }
}

/** FNV-1a with a final mix; only spreads seeds, secures nothing. */
export function textHash(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
