/**
 * Properties are tried with the same seed in every run, so that a change and not chance makes them fail. `FC_SEED=random npm test` explores, and
 * `FC_SEED=… npm test -- path` replays the seed that a failing property printed.
 */
import fc from 'fast-check'

const { FC_SEED = '20260301' } = process.env
if (FC_SEED !== 'random') fc.configureGlobal({ seed: Number(FC_SEED) })
