/**
 * Makes plausible calls with plausible trouble: late publication, credits that arrive or are corrected hours later, ends filled in, statuses
 * nobody listed, versions that live a second, copies that get poorer and recover. Pure: a call is a function of the dice and its start.
 */
import { type CallFacts, type CallVersion, type SimulatedCall, sameFacts } from './call.ts'
import type { Dice } from './dice.ts'

export interface CallHabits {
  /** Share of calls published minutes to hours after their end instead of seconds. */
  readonly lateShare: number
  /** How late those are, milliseconds, at least and at most. */
  readonly lateMs: readonly [number, number]
  /** Share of calls with later versions. */
  readonly changeShare: number
  /** Between one version and the next, milliseconds, at least and at most. */
  readonly changeMs: readonly [number, number]
  /** Share of rows without an id. They never change. */
  readonly badRowShare: number
  /** Share of calls with a second leg: the same UUID, suffix `-2`. */
  readonly secondLegShare: number
  /** Share of calls that talk for one to four hours. */
  readonly longShare: number
}

const minute = 60_000
const hour = 60 * minute

export const usualHabits: CallHabits = {
  lateShare: 0.05,
  lateMs: [2 * minute, 6 * hour],
  changeShare: 0.1,
  changeMs: [30_000, 3 * hour],
  badRowShare: 0,
  secondLegShare: 0.1,
  longShare: 0.005,
}

/** The last four are in no list of the vendor. */
const statuses = {
  ANSWER: 52,
  NOANSWER: 15,
  BUSY: 7,
  FLOW_ANSWER: 4,
  CANCEL: 3,
  FAILED: 2,
  REJECTED: 1,
  NOANSWER_CHANNEL1: 1,
  'ANSWERED-B': 9,
  'ANSWERED-A': 4,
  ACCEPTED: 1,
  FORWARDED: 1,
}
const answered = new Set(['ANSWER', 'FLOW_ANSWER', 'ANSWERED-A', 'ANSWERED-B', 'ACCEPTED', 'FORWARDED'])

const changes = {
  'credits arrive': 30,
  'credits corrected': 20,
  'status corrected': 15,
  'end filled in': 15,
  'recording added': 10,
  'poorer copy': 5,
  'short-lived version': 5,
}

/** One call, or the two legs of one, by ascending start. `startMs` must be a whole second. */
export function generateCall(dice: Dice, startMs: number, habits: CallHabits): SimulatedCall[] {
  const uuid = generateUuid(dice)
  const uniqueId = `${dice.whole(10, 99)}_${Math.floor(startMs / 1000)}.${dice.whole(1_000_000, 99_999_999)}`
  const first = generateLeg(dice, { id: `${uuid}-1`, uniqueId, parentId: null, startMs }, 'Incoming', habits)
  if (!dice.chance(habits.secondLegShare)) return [first]
  const place = { id: `${uuid}-2`, uniqueId, parentId: `${uuid}-1`, startMs: startMs + dice.whole(0, 20) * 1000 }
  return [first, generateLeg(dice, place, 'CallForward', habits)]
}

function generateLeg(
  dice: Dice,
  place: { id: string; uniqueId: string; parentId: string | null; startMs: number },
  service: string,
  habits: CallHabits,
): SimulatedCall {
  const facts = generateFacts(dice, place.startMs, place.parentId === null && dice.chance(0.2) ? 'Click2Call' : service, habits)
  const endMs = facts.endMs ?? place.startMs
  const delayMs = dice.chance(habits.lateShare) ? dice.spread(habits.lateMs[0], habits.lateMs[1]) : 1000 + dice.exponential(6000)
  const visibleFrom = Math.round(endMs + delayMs)
  const bad = dice.chance(habits.badRowShare)
  const changing = dice.chance(habits.changeShare)
  const versions = changing && !bad ? planVersions(dice, facts, place.startMs, visibleFrom, habits) : [{ visibleFrom, facts }]
  return { ...place, id: bad ? null : place.id, rank: dice.word(), versions, hiddenFrom: Number.POSITIVE_INFINITY }
}

function generateFacts(dice: Dice, startMs: number, service: string, habits: CallHabits): CallFacts {
  const status = dice.weighted(statuses)
  const talks = answered.has(status)
  const ringSeconds = dice.whole(2, 40)
  const talkSeconds = !talks
    ? 0
    : dice.chance(habits.longShare)
      ? dice.whole(3600, 14_400)
      : 1 + Math.floor(dice.exponential(150))
  return {
    from: dice.chance(0.02) ? null : `91${dice.whole(6_000_000_000, 9_999_999_999)}`,
    to: `91${dice.whole(6_000_000_000, 9_999_999_999)}`,
    bridge: `9180${dice.whole(10_000_000, 10_000_040)}`,
    service,
    endMs: startMs + (ringSeconds + talkSeconds) * 1000,
    durationSeconds: ringSeconds + talkSeconds,
    billedSeconds: talkSeconds,
    status,
    credits: talks ? cents(Math.ceil(talkSeconds / 60) * 25) : '0',
    recording: talks && dice.chance(0.5) ? `rec${dice.word().toString(16)}` : null,
    location: dice.pick(['Karnataka', 'Mumbai', 'Delhi', 'Tamil Nadu']),
    provider: dice.pick(['Airtel', 'Jio', 'Vodafone', 'BSNL']),
    extra: {},
  }
}

/** The versions of a call that changes, with neighbours that differ. */
function planVersions(dice: Dice, facts: CallFacts, startMs: number, visibleFrom: number, habits: CallHabits): CallVersion[] {
  const step = () => Math.round(dice.spread(habits.changeMs[0], habits.changeMs[1]))
  const version = (atMs: number, patch: Partial<CallFacts> = {}): CallVersion => ({
    visibleFrom: atMs,
    facts: { ...facts, ...patch },
  })
  const otherCredits = cents(Math.round(Number(facts.credits ?? 0) * 100) + dice.whole(1, 200))
  switch (dice.weighted(changes)) {
    case 'credits arrive':
      return [version(visibleFrom, { credits: null }), version(visibleFrom + step())]
    case 'credits corrected': {
      const later = visibleFrom + step()
      const once = [version(visibleFrom, { credits: otherCredits }), version(later)]
      return dice.chance(0.3) ? [...once, version(later + step(), { credits: otherCredits })] : once
    }
    case 'status corrected': {
      const unanswered = { status: 'NOANSWER', billedSeconds: 0, credits: '0', recording: null }
      const isUnanswered = sameFacts(facts, { ...facts, ...unanswered })
      return [version(visibleFrom, isUnanswered ? { status: 'FAILED' } : unanswered), version(visibleFrom + step())]
    }
    case 'end filled in': {
      const open = { endMs: null, durationSeconds: null, billedSeconds: null, credits: null, recording: null }
      return [version(startMs + dice.whole(1000, 2000), open), version(visibleFrom)]
    }
    case 'recording added':
      return [version(visibleFrom, { recording: null }), version(visibleFrom + step(), { recording: facts.recording ?? 'rec0' })]
    case 'poorer copy': {
      const poorAt = visibleFrom + step()
      return [version(visibleFrom), version(poorAt, { endMs: null, credits: null }), version(poorAt + step())]
    }
    case 'short-lived version': {
      const flashAt = visibleFrom + step()
      return [version(visibleFrom), version(flashAt, { credits: otherCredits }), version(flashAt + dice.whole(1000, 3000))]
    }
  }
}

function cents(amount: number): string {
  return String(amount / 100)
}

export function generateUuid(dice: Dice): string {
  const hex = Array.from({ length: 4 }, () => dice.word().toString(16).padStart(8, '0')).join('')
  return `75${hex.slice(2, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}
