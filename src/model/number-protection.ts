/**
 * What the privacy rules of the three number fields come to for a record as a whole. A record carries one word for all of them, because
 * a reader first of all asks whether it may hold a number in clear: so the word is that of the strictest rule in force, and a key id tells
 * on its own whether there is anything to join by.
 */
import { createHmac } from 'node:crypto'

/** From the one that leaves every digit to the one that leaves nothing. */
export const NUMBER_RULES = ['plain', 'mask', 'hmac', 'drop'] as const
export type NumberRule = (typeof NUMBER_RULES)[number]

/** One rule for each field that holds a number; named like the settings and the record's fields. */
export interface NumberRules {
  readonly from_number: NumberRule
  readonly to_number: NumberRule
  readonly bridge_number: NumberRule
}

export const ALL_PLAIN: NumberRules = { from_number: 'plain', to_number: 'plain', bridge_number: 'plain' }

/** What a record says about its numbers. */
export interface NumberProtection {
  readonly number_protection: 'PLAIN' | 'MASKED' | 'HMAC' | 'DROPPED'
  /** `null` when no field uses hmac. */
  readonly hmac_key_id: string | null
}

const WORDS = { plain: 'PLAIN', mask: 'MASKED', hmac: 'HMAC', drop: 'DROPPED' } as const

export function strictestOf({ from_number, to_number, bridge_number }: NumberRules): NumberRule {
  const strictness = [from_number, to_number, bridge_number].map(rule => NUMBER_RULES.indexOf(rule))
  return NUMBER_RULES[Math.max(...strictness)] ?? 'drop'
}

export function protectionOf(rules: NumberRules, hmacKey: string | undefined): NumberProtection {
  const usesHmac = Object.values(rules).includes('hmac')
  return {
    number_protection: WORDS[strictestOf(rules)],
    hmac_key_id: usesHmac && hmacKey !== undefined ? keyIdOf(hmacKey) : null,
  }
}

/** Derived from the key, so that nobody can rotate the key and forget the id. 32 bits: enough to tell keys apart, nothing to find one by. */
function keyIdOf(hmacKey: string): string {
  return createHmac('sha256', hmacKey).update('call-log-source/hmac-key-id').digest('hex').slice(0, 8)
}
