/**
 * Kaleyra keeps accounts in regions, each with a host of its own, and an account asked at another region's host is as unknown as a wrong key.
 * The two letters at the end of a SID hint at the region. A hint is worth a warning, never a refusal: the vendor documents none of it.
 */

/** Where an account may live, with the hosts that the vendor names for it. `api.kaleyra.io` is the default and the vendor's example for US. */
const REGIONS = [
  { name: 'India', suffixes: ['IN'], hosts: ['api.in.kaleyra.io'] },
  { name: 'North America', suffixes: ['US'], hosts: ['api.na.kaleyra.ai', 'api.kaleyra.io'] },
  { name: 'Europe', suffixes: ['EU'], hosts: ['api.eu.kaleyra.io'] },
  { name: 'Asia and Pacific', suffixes: ['SG', 'AP'], hosts: ['api.ap.kaleyra.io', 'api.kaleyra.io'] },
] as const

const HOSTS = [...new Set(REGIONS.flatMap(({ hosts }) => hosts))].sort()
/** Hosts of the vendor, known or not: elsewhere (a proxy, a simulator) there is nothing to compare with. */
const VENDOR = /(^|\.)(kaleyra\.(io|ai|com)|solutionsinfini\.com)$/

export interface RegionWarning {
  /** Names the host and at most the last two letters of the SID. */
  readonly found: string
  readonly remedy: string
}

/** What looks wrong about the address of an account, or `null`. `origin` is scheme and host, `https://api.kaleyra.io`. */
export function regionWarning({ sid, origin }: { readonly sid: string; readonly origin: string }): RegionWarning | null {
  const host = new URL(origin).hostname
  const suffix = suffixOf(sid)
  const expected = REGIONS.find(({ suffixes }) => suffixes.some(each => each === suffix))
  const served = REGIONS.filter(({ hosts }) => hosts.some(each => each === host))
  if (served.length === 0) {
    const remedy = `set accounts[].url to one of ${HOSTS.join(', ')}`
    return VENDOR.test(host) ? { found: `${host} is no host that the vendor names for this API`, remedy } : null
  }
  if (expected === undefined || served.includes(expected)) return null
  const where = host === 'api.kaleyra.io' ? 'the default' : served.map(({ name }) => name).join(' and ')
  return {
    found: `the SID ends in ${suffix}, which hints at ${expected.name}, and ${host} is ${where}`,
    remedy: `if the key is refused, set accounts[].url to https://${expected.hosts[0]}`,
  }
}

/** The two letters after the last digit, in capitals; empty when it ends otherwise. */
function suffixOf(sid: string): string {
  return /\d([A-Za-z]{2})$/.exec(sid)?.[1]?.toUpperCase() ?? ''
}
