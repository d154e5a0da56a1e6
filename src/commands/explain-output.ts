/** An explanation as people read it, and as programs do. Fields that changed are named, values never. */
import { type Explanation, isFound } from '../flow/explain.ts'
import { conclusionsOf, scopeOf } from '../flow/explain-words.ts'
import type { Terminal } from '../host/terminal.ts'
import { instantText } from '../model/window.ts'
import { printable } from './table.ts'

export function explanationText(explanation: Explanation, terminal: Pick<Terminal, 'paint'>): string {
  const { account, callId, entries, versions, letters, unreadable } = explanation
  const verdict = isFound(explanation) ? terminal.paint('green', 'found') : terminal.paint('yellow', 'nothing found')
  const lines = [
    ...entries.map(
      entry =>
        `ledger: ${entry.kind}, first seen ${instantText(entry.firstSeenMs)}, revision ${entry.revision}, last written ${instantText(entry.lastWrittenMs).slice(0, 10)}, content ${entry.contentHash}, ${entry.isUnderPresentRules ? 'under the present record rules' : 'under other record rules'}`,
    ),
    ...versions.map(version => {
      const changed = version.changedFields.length === 0 ? '' : ` (${version.changedFields.join(', ')})`
      const regressed = version.regressed ? ', regressed' : ''
      return `${version.at}: ${version.change} ${version.revision}${changed}${regressed}, observed ${instantText(version.observedMs)} by ${version.readBy}, content ${version.contentHash}`
    }),
    ...letters.map(
      letter =>
        `${letter.at}: dead letter, ${letter.reason}${letter.path === '' ? '' : ` (${letter.path})`}, observed ${letter.observedAt}`,
    ),
    ...unreadable.map(({ at, why }) => `${at}: unreadable: ${why}`),
    ...conclusionsOf(explanation),
  ]
  const scope = scopeOf(explanation).map(line => terminal.paint('dim', `looked at ${printable(line)}`))
  return [
    `${printable(`${account}: ${callId}`)}: ${verdict}`,
    ...lines.map(line => `  ${printable(line)}`),
    ...scope.map(line => `  ${line}`),
    '',
  ].join('\n')
}

export function explanationJson(explanations: readonly Explanation[]): string {
  const accounts = explanations.map(explanation => {
    const { account, callId, entries, versions, letters, unreadable, startMs, slot, gap, api, scanned } = explanation
    return {
      account,
      call_id: callId,
      found: isFound(explanation),
      ledger: entries.map(({ firstSeenMs, lastWrittenMs, ...entry }) => ({
        ...entry,
        first_seen: instantText(firstSeenMs),
        last_written: instantText(lastWrittenMs).slice(0, 10),
      })),
      versions: versions.map(({ observedMs, startMs: atMs, changedFields, readBy, contentHash, ...version }) => ({
        ...version,
        changed_fields: changedFields,
        observed_at: instantText(observedMs),
        read_by: readBy,
        start: textOf(atMs),
        content_hash: contentHash,
      })),
      dead_letters: letters,
      unreadable,
      start: textOf(startMs),
      slot: slot === null ? null : slotJson(slot),
      gap: gap === null ? null : { ...rangeJson(gap), state: gap.state, reason: gap.reason },
      api:
        api === null
          ? null
          : { shown: api.shown, start: textOf(api.startMs), against_ledger: api.judgement, differs_in: api.groups },
      conclusions: conclusionsOf(explanation),
      looked_at: scopeOf(explanation),
      topics: scanned.map(({ low, until, hidden, earliestMs, ...log }) => ({
        ...log,
        low: Number(low),
        until: Number(until),
        hidden: Number(hidden),
        earliest: textOf(earliestMs),
      })),
    }
  })
  return `${JSON.stringify({ accounts, found: explanations.some(isFound) }, null, 2)}\n`
}

function slotJson(slot: NonNullable<Explanation['slot']>) {
  const { firstReadMs, newestReadMs, count, isSettled } = slot
  return {
    ...rangeJson(slot),
    first_read: instantText(firstReadMs),
    newest_read: instantText(newestReadMs),
    count,
    settled: isSettled,
  }
}

function rangeJson({ fromMs, untilMs }: { readonly fromMs: number; readonly untilMs: number }) {
  return { from: instantText(fromMs), until: instantText(untilMs) }
}

function textOf(instantMs: number | null): string | null {
  return instantMs === null ? null : instantText(instantMs)
}
