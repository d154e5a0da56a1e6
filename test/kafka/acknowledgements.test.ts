import { describe, expect, test } from 'vitest'
import { codeOf } from '../../src/errors.ts'
import { acknowledged, mergeOffsets } from '../../src/kafka/acknowledgements.ts'

const sent = [{ topic: 't', messages: [{ partition: 0 }, { partition: 1 }, { partition: 1 }] }]
const answer = (partition: number, baseOffset: string, errorCode = 0) => ({ topicName: 't', partition, errorCode, baseOffset })

/** The code with which the answers are refused. */
function refusal(answers: Parameters<typeof acknowledged>[1]): string {
  try {
    acknowledged(sent, answers)
    return 'accepted'
  } catch (error) {
    return codeOf(error)
  }
}

describe('the answers to a send', () => {
  test('give the last offset of each partition', () => {
    expect(acknowledged(sent, [answer(1, '9007199254740993'), answer(0, '5')])).toEqual(
      new Map([
        [
          't',
          new Map([
            [1, 9007199254740994n],
            [0, 5n],
          ]),
        ],
      ]),
    )
  })

  test('are refused when a partition is missing from them', () => {
    expect([refusal([]), refusal([answer(0, '1')])]).toEqual(['TOPIC_MISCONFIGURED', 'TOPIC_MISCONFIGURED'])
  })

  test('are refused when they name an error, no offset, a partition twice, or one never sent', () => {
    const bad = [
      [answer(0, '1'), answer(1, '1', 3)],
      [answer(0, '1'), answer(1, '-1')],
      [answer(0, '1'), answer(1, '1'), answer(1, '2')],
      [answer(0, '1'), answer(1, '1'), answer(2, '1')],
    ]

    expect(bad.map(refusal)).toEqual(Array(4).fill('COMMIT_UNKNOWN'))
  })

  test('of two sends merge to the newer offsets', () => {
    const first = new Map([['t', new Map([[0, 1n]])]])
    const second = new Map([
      [
        't',
        new Map([
          [0, 2n],
          [1, 7n],
        ]),
      ],
      ['u', new Map([[0, 0n]])],
    ])

    expect(mergeOffsets(first, second)).toEqual(second)
    expect(first.get('t')?.get(0)).toBe(1n)
  })
})
