/** Mistakes that the simulation must notice, each in the place where somebody could make it. */
import type { Mutation } from './mutation.ts'

export const mutations: readonly Mutation[] = [
  {
    name: 'coverage is committed before the rows it speaks of',
    file: 'src/flow/sweep.ts',
    find: '  await committer.commit(state, packer.take(), stop.hard)\n',
    replace: `  const last = packer.take()
  await committer.commit(state, { ...last, chunk: { rest: [], entries: [] } }, stop.hard)
  await committer.commit(state, last, stop.hard)\n`,
  },
  {
    name: 'the whole window is covered with its first chunk',
    file: 'src/flow/sweep.ts',
    find: 'for (const packed of packer.add(news, state.seen)) await',
    replace: `for (const packed of packer.add(news, state.seen)) state.coverage = book(state.coverage, [{ ...due.window, readAtMs: observedAtMs }], observedAtMs),
        await`,
  },
  {
    name: 'no recall after doubt: the state is kept',
    file: 'src/flow/account.ts',
    find: 'if (isVoidAfter(error)) state = null',
    replace: '',
  },
  {
    name: 'a recall hands out the memory from before the doubt',
    file: 'src/ledger/ledger.ts',
    find: 'const memory = await this.readBack(glance, signal)',
    replace: 'const memory = (this.kept ??= await this.readBack(glance, signal))',
  },
  {
    name: 'seen is not restored',
    file: 'src/ledger/memory.ts',
    find: 'this.seen.import(words, from, writtenMs, index)',
    replace: '',
  },
  {
    name: 'an older entry of seen wins over a newer one',
    file: 'src/ledger/seen.ts',
    find: 'const slot = known >= 0 ? known : this.insert(stored, from)',
    replace: 'if (known >= 0) return\n    const slot = this.insert(stored, from)',
  },
  {
    name: 'a delta sequence is used again within a life',
    file: 'src/ledger/ledger.ts',
    find: 'memory.nextSequence += 1',
    replace: '',
  },
  {
    name: 'a delta sequence is used again after a recall',
    file: 'src/ledger/memory.ts',
    find: 'Math.max(this.nextSequence, sequence + 1)',
    replace: 'Math.max(this.nextSequence, sequence)',
  },
  {
    name: 'a read that was not proved is covered',
    file: 'src/flow/read.ts',
    find: 'if (doubt === null) {',
    replace: 'if (doubt === null || attempt > 1) {',
  },
  {
    name: 'page 1 is not asked for again',
    file: 'src/kaleyra/pages.ts',
    find: "if (number > 2) yield page(1, await fetch(firstCursor(), WITHIN_READ), 'recheck')",
    replace: '',
  },
  {
    name: '> for >=: a page that is just full is the last',
    file: 'src/kaleyra/pages.ts',
    find: 'answer.rows.length >= Math.min(limit, paging.largestPage)',
    replace: 'answer.rows.length > Math.min(limit, paging.largestPage)',
  },
  {
    name: '> for >=: everybody counts as fenced',
    file: 'src/kafka/shared-publisher.ts',
    find: 'seat.toldFenced >= this.#fenced',
    replace: 'seat.toldFenced > this.#fenced',
  },
  {
    name: 'requests come faster than the rate',
    file: 'src/kaleyra/budget.ts',
    find: 'Math.max(before, sentMs) + intervalMs())',
    replace: 'Math.max(before, sentMs))',
  },
  {
    name: 'a change of the cost alone is no change',
    file: 'src/model/fingerprint.ts',
    find: '    call.cost === null ? null : String(call.cost),\n    call.end_time,\n',
    replace: '    null,\n    call.end_time,\n',
  },
  {
    name: 'a window is asked for without a margin',
    file: 'src/kaleyra/pages.ts',
    find: 'boundsOf({ fromMs: window.fromMs - SECOND_MS, untilMs: window.untilMs + SECOND_MS }, spoken)',
    replace: 'boundsOf(window, spoken)',
  },
  {
    name: 'an entry goes into the transaction after that of its record',
    file: 'src/ledger/ledger.ts',
    find: 'const rest = own.length === 0 ? chunk.rest : [...chunk.rest, { topic: ledgerTopic, messages: own }]',
    replace: `const rest = [...chunk.rest, ...(this.late ?? [])]
    this.late = own.length === 0 ? [] : [{ topic: ledgerTopic, messages: own }]`,
  },
  {
    name: 'calls are forgotten after two days',
    file: 'src/ledger/entry.ts',
    find: 'export const RETENTION_DAYS = 9',
    replace: 'export const RETENTION_DAYS = 2',
  },
  {
    name: 'a foreign open transaction is not waited for',
    file: 'src/ledger/ledger.ts',
    find: 'await reader.read(identity.ledgerTopic, partition,',
    replace: 'await reader.peek(identity.ledgerTopic, partition,',
  },
  {
    name: 'the claim is not committed',
    file: 'src/ledger/ledger.ts',
    find: 'await this.commit(state, { rest, entries: [] }, signal)',
    replace: 'if (rest.length > 0) await this.commit(state, { rest, entries: [] }, signal)',
  },
  {
    name: 'another account goes on with the producer that was opened again',
    file: 'src/kafka/shared-publisher.ts',
    find: 'if (joined === this.#generation && this.#isOpen) return joined',
    replace: 'if (this.#isOpen) return this.#generation',
  },
  {
    name: 'a promise to stay away is not kept in the ledger',
    file: 'src/ledger/ledger.ts',
    find: 'notBefore: Math.max(state.notBeforeMs, this.parts.notBeforeMs())',
    replace: 'notBefore: 0',
  },
  {
    name: 'a promise to stay away in the ledger is not looked at',
    file: 'src/flow/probing.ts',
    find: 'this.source.holdUntil(notBeforeMs)',
    replace: '',
  },
  {
    name: 'the revision is not increased',
    file: 'src/model/sift.ts',
    find: 'revision: known.revision + 1,',
    replace: 'revision: known.revision,',
  },
  {
    name: 'a bad row is remembered and not published',
    file: 'src/model/sift.ts',
    find: 'seen.add(print, observedAtMs, rules), deadLetter })',
    replace: 'seen.add(print, observedAtMs, rules) })',
  },
  {
    name: 'changes that were held back for their order are dropped',
    file: 'src/flow/read.ts',
    find: 'const calls = versions.rest()',
    replace: 'const calls = versions.rest().slice(0, 0)',
  },
  {
    name: 'a rejected key is an empty page',
    file: 'src/kaleyra/envelope.ts',
    find: "if (code !== null && code !== 'RBC103') throw codedFailure(raw, code)",
    replace: '',
  },
]
