/** promtool and prometheus are found as promised, and who has neither is told what to do. */
import { expect, test } from 'vitest'
import { firstOf, prometheusPrograms } from './prometheus/programs.ts'
import { hear } from './prometheus/run-tool.ts'

const here = async () => ({ promtool: process.execPath, prometheus: process.execPath })

test('the programs run, and say one version of 2.42 or newer', async () => {
  const { promtool, prometheus, version } = await prometheusPrograms()

  const said = await Promise.all([promtool, prometheus].map(command => hear(command, ['--version'])))

  expect(said.map(({ code, text }) => [code, text.includes(version)])).toEqual([
    [0, true],
    [0, true],
  ])
  const [major = 0, minor = 0] = version.split('.').map(Number)
  expect(major > 2 || (major === 2 && minor >= 42)).toBe(true)
})

test('a way whose programs are missing, or no Prometheus, is passed over', async () => {
  const ways = { PATH: async () => ({ promtool: 'no-such-promtool', prometheus: 'no-such-prometheus' }), Docker: here }

  await expect(firstOf(ways, () => undefined)).rejects.toThrow(/- PATH: .*ENOENT.*\n- Docker: .* names no version/s)
})

test('who has none of them is told what to install, and what was lacking', async () => {
  const Docker = async () => {
    throw new Error('no Docker engine answers', { cause: new Error('ENOENT') })
  }

  await expect(firstOf({ Docker }, () => undefined)).rejects.toThrow(
    /PROMETHEUS_BIN;\n.*present or pullable;\n.*apt-get reach.*\nWhat was tried:\n- Docker: no Docker engine answers \(ENOENT\)$/,
  )
})
