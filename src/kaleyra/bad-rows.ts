/**
 * Rows that could not become a call log, as they are published and as they are recognised. Both are made from the row after its fields that
 * are published on request only were taken out: a recording link that is signed anew must not make another row of it.
 */
import { createHmac } from 'node:crypto'
import type { BadRowReason, Row } from '../model/call-log.ts'
import { boundedJson, deepHash, TOO_DEEP } from './json-text.ts'

/** A dead letter's row, in bytes; a row of more characters becomes one. */
export const MAX_ROW_BYTES = 262_144

export interface BadRowsOptions {
  /** What a dead letter shows of a row, under the privacy rules. */
  readonly published: (row: unknown) => unknown
  /** What stays the same of a row whatever the record settings. */
  readonly identifying: (row: unknown) => unknown
  /** A row without an id is remembered by an HMAC under this key, or its numbers could be found by trying. */
  readonly identityKey: string
}

type CreateBadRow = (raw: unknown, reason: BadRowReason, detail: string, path: string, callId: string | null) => Row

export function createBadRows({ published, identifying, identityKey }: BadRowsOptions): CreateBadRow {
  return (raw, reason, detail, path, callId) => {
    const json = boundedJson(raw, MAX_ROW_BYTES, published)
    if (callId !== null) return { bad: { reason, detail, path, json, callId } }
    const text = boundedJson(raw, MAX_ROW_BYTES, identifying)
    const row = text === TOO_DEEP ? deepHash(raw) : text
    return { bad: { reason, detail, path, json, callId, identity: createHmac('sha256', identityKey).update(row).digest('hex') } }
  }
}
