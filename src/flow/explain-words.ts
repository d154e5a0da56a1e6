/** Why a call is on the topic as it is, or is not: an explanation in sentences, and what each of them rests on. */
import { coveredThrough, settledThrough } from '../model/coverage.ts'
import { instantText, windowText } from '../model/window.ts'
import type { Explanation } from './explain.ts'

/** The connector remembers a call for so long after it last wrote it (README, "Limits"). */
const LEDGER_DAYS = 9

/** The conclusions, most important first. */
export function conclusionsOf(explanation: Explanation): string[] {
  return [...publishedSide(explanation), ...apiSide(explanation), ...timeSide(explanation)]
}

function publishedSide(explanation: Explanation): string[] {
  const { entries, versions, letters, scanned, coverage } = explanation
  if (coverage === null) return ['the ledger holds nothing of this account: no run has claimed it yet']
  const [entry] = entries
  if (versions.length > 0 && entry === undefined)
    return [`published, and forgotten by the ledger: an entry is kept for ${LEDGER_DAYS} days after it was last written`]
  if (versions.length > 0 || letters.length > 0) return []
  if (entry === undefined) return [`never seen, or longer than ${LEDGER_DAYS} days ago; ${coveredText(explanation)}`]
  const shortened = scanned.filter(({ low }) => low > 0n)
  if (shortened.length === 0) return ['the ledger calls it published and the topic does not hold it: run audit --topic']
  const begins = shortened.map(({ topic, partition, low, earliestMs }) => {
    const oldest = earliestMs === null ? 'empty by now' : `from ${instantText(earliestMs)}`
    return `${topic}-${partition} begins at offset ${low}, ${oldest}`
  })
  return [`published before what the topic still keeps: ${begins.join('; ')}`]
}

function apiSide({ api, entries }: Explanation): string[] {
  if (api === null) return []
  if (!api.shown) return ['the API does not show it']
  const revision = entries[0]?.revision ?? 0
  if (api.judgement === 'same') return ['the API shows what was published last: each further sighting is a repeat and suppressed']
  if (api.judgement === 'different')
    return [
      `the API shows another ${api.groups.join(', ') || 'content'}: it will be published as revision ${revision + 1} when it is next read`,
    ]
  if (api.judgement === 'not_comparable')
    return [
      'the API shows it, and it was last published under other record rules: its next read re-bases it and publishes nothing',
    ]
  return ['the API shows it, and the ledger does not know it']
}

function timeSide({ startMs, slot, gap, coverage }: Explanation): string[] {
  if (startMs === null || coverage === null) return []
  if (slot !== null)
    return [
      `its time, ${windowText(slot)}, was first read ${instantText(slot.firstReadMs)} and last read ${instantText(slot.newestReadMs)}${slot.isSettled ? '' : ', too soon to count as settled'}`,
    ]
  if (gap !== null) return [`its time lies in a gap (${gap.state}) ${windowText(gap)}: ${gap.reason}`]
  const before = startMs < coverage.anchorMs ? `: nothing before ${instantText(coverage.anchorMs)} is this ledger's to read` : ''
  return [`its time, ${instantText(startMs)}, is not covered${before}`]
}

function coveredText({ coverage, settleMs }: Explanation): string {
  const throughMs = coverage === null ? null : coveredThrough(coverage)
  if (coverage === null || throughMs === null) return 'nothing is covered yet'
  const settled = `settled through ${instantText(settledThrough(coverage, settleMs))}`
  const gaps = coverage.gaps.length === 0 ? 'no gaps' : `gaps: ${coverage.gaps.slice(0, 3).map(windowText).join(', ')}`
  return `covered from ${instantText(coverage.anchorMs)} through ${instantText(throughMs)}, ${settled}, ${gaps}`
}

/** What was looked at, and what lies beyond. */
export function scopeOf({ scanned, api, coverage }: Explanation): string[] {
  const topics = scanned.map(({ topic, partition, low, until, hidden, earliestMs }) => {
    const oldest = earliestMs === null ? 'no record' : `oldest ${instantText(earliestMs)}`
    const beyond = low > 0n ? `; ${low} older offsets are beyond its retention` : ''
    const open = hidden > 0n ? `; an open transaction hides ${hidden} offsets` : ''
    return `${topic}-${partition}: offsets ${low} to ${until}, ${oldest}${beyond}${open}`
  })
  const ledger = coverage === null ? 'nothing of this account' : `entries last written within ${LEDGER_DAYS} days`
  return [`ledger: ${ledger}`, ...topics, ...(api === null ? ['API: not asked (--api)'] : ['API: asked'])]
}
