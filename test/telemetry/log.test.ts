import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ConnectorError } from '../../src/errors.ts'
import { errorFields } from '../../src/telemetry/error-fields.ts'
import { createLog, type LogOptions } from '../../src/telemetry/log.ts'

function capture(over: Partial<LogOptions> = {}) {
  const lines: string[] = []
  const log = createLog({ level: 'info', format: 'json', secrets: [], to: { write: line => void lines.push(line) }, ...over })
  return { log, lines }
}

describe('a line', () => {
  test('of JSON holds time, level by name, the fields and the message, and nothing of the machine', () => {
    const { log, lines } = capture()

    log.info({ event: 'recalled', seen: 7 }, '7 calls known')

    expect(JSON.parse(lines[0] ?? '')).toEqual({
      level: 'info',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      event: 'recalled',
      seen: 7,
      msg: '7 calls known',
    })
    expect(lines[0]?.endsWith('}\n')).toBe(true)
  })

  test('of text puts the message first and quotes only what needs it', () => {
    const { log, lines } = capture({ format: 'text' })

    log.warn({ event: 'gap.opened', rows: 3, reason: 'two words', none: null }, 'a gap')

    expect(lines[0]).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z WARN {2}a gap event=gap.opened rows=3 reason="two words" none=null\n$/)
  })

  test('below the level is not written', () => {
    const { log, lines } = capture({ level: 'warn' })

    log.info('hidden')
    log.error('shown')

    expect(lines.length).toBe(1)
  })
})

describe('a secret', () => {
  test.each(['json', 'text'] as const)('does not reach a line of %s, wherever it sits', format => {
    const { log, lines } = capture({ format, secrets: ['A1b2C3d4E5', 'pass"with\\quotes', ''] })

    log
      .child({ url: 'https://x/?key=A1b2C3d4E5' })
      .info({ deep: { list: ['pass"with\\quotes'] }, A1b2C3d4E5: 1 }, 'key A1b2C3d4E5 refused')
    log.info(
      { header: `Basic ${Buffer.from('A1b2C3d4E5').toString('base64')}`, query: encodeURIComponent('pass"with\\quotes') },
      'sent',
    )

    expect(lines.join('')).not.toMatch(/A1b2C3d4E5|with|QTFiMkMzZDRFNQ/)
    expect(lines.join('')).toContain('key *** refused')
  })

  test('of digits leaves the line valid and its time alone', () => {
    const { log, lines } = capture({ secrets: ['20260102', '1234'] })

    log.info({ number: 1234, longer: 12345, text: 'x1234y' }, 'at 20260102')

    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ number: '***', longer: 12345, text: 'x***y', msg: 'at ***' })
  })

  test('that contains another leaves nothing of itself behind', () => {
    const { log, lines } = capture({ secrets: ['token', 'token-with-tail'] })

    log.info('got token-with-tail')

    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ msg: 'got ***' })
  })

  test('of any kind is out of every line, which stays valid JSON', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 4 }), fc.string({ unit: 'grapheme' }), (secret, around) => {
        fc.pre(!/^(info|time|level|event|test|msg)/.test(secret) && !'***'.includes(secret))
        const { log, lines } = capture({ secrets: [secret] })

        log.info({ event: 'test', value: `${around}${secret}${around}` }, secret)

        const { value, msg } = JSON.parse(lines[0] ?? '')
        expect([value.includes(secret), msg]).toEqual([false, '***'])
      }),
    )
  })

  test('too short to be told from text is left, or it would ruin every line', () => {
    const { log, lines } = capture({ secrets: ['e'] })

    log.info('here')

    expect(JSON.parse(lines[0] ?? '').msg).toBe('here')
  })
})

describe('an error in a line', () => {
  test('of ours has code and message and no stack', () => {
    expect(errorFields(new ConnectorError('TOPIC_MISSING', 'topic calls does not exist'))).toEqual({
      code: 'TOPIC_MISSING',
      error: 'topic calls does not exist',
    })
  })

  test('that nobody expected is a bug and shows where it came from', () => {
    const fields = errorFields(new TypeError('x is not a function'))

    expect(fields).toMatchObject({ code: 'BUG', error: 'x is not a function', stack: expect.stringContaining('log.test.ts') })
  })

  test('shows the first failure of several attempts and at most five causes, each bounded', () => {
    let chain: Error = new AggregateError([new Error('refused')], '')
    for (let depth = 0; depth < 3; depth += 1) chain = new Error('x'.repeat(5_000), { cause: chain })
    const loop = new Error('loop')
    loop.cause = loop

    const { causes } = errorFields(new ConnectorError('KAFKA_UNREACHABLE', 'no broker', { cause: chain }))

    expect(causes?.map(text => text.length)).toEqual([1001, 1001, 1001, 'AggregateError'.length, 'refused'.length])
    expect(errorFields(loop).causes?.length).toBe(5)
  })

  test('of a parser does not quote what it could not parse', () => {
    const parse = () => {
      try {
        JSON.parse('{"from":"919800000001" oops')
      } catch (error) {
        return error
      }
      return undefined
    }

    const fields = errorFields(new ConnectorError('API_MALFORMED', 'no JSON', { cause: parse() }))

    expect([fields.causes, JSON.stringify(errorFields(parse())).includes('9198')]).toEqual([['SyntaxError'], false])
  })

  test('that is no error at all is named by its type only', () => {
    expect([errorFields('919800000001').error, errorFields(null).error, errorFields(undefined).error]).toEqual([
      'a thrown string',
      'a thrown null',
      'a thrown undefined',
    ])
  })
})
