/**
 * Certificates for tests, made in Node alone: a certificate is a few nested ASN.1 structures and a signature, and no machine needs OpenSSL's
 * command for them. Each call makes its own key.
 */
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto'

export interface Certificate {
  /** PEM. */
  readonly cert: string
  readonly key: string
  readonly signer: { readonly name: string; readonly privateKey: KeyObject }
}

export interface CertificateOptions {
  readonly name: string
  /** Subject alternative names; default the loopback address. */
  readonly hosts?: readonly (`DNS:${string}` | `IP:${string}`)[]
  readonly fromMs: number
  readonly untilMs: number
  /** Who vouches for it; itself by default. */
  readonly issuer?: Certificate
  readonly isAuthority?: boolean
}

/** ECDSA on P-256 with SHA-256. */
export function certificate(options: CertificateOptions): Certificate {
  const { name, hosts = ['IP:127.0.0.1'], fromMs, untilMs, issuer, isAuthority = false } = options
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const by = issuer?.signer ?? { name, privateKey }
  const constraints = isAuthority ? [extension(BASIC_CONSTRAINTS, sequence(der(BOOLEAN, Buffer.from([0xff]))), true)] : []
  const names = extension(SUBJECT_ALT_NAME, sequence(...hosts.map(hostName)), false)
  const body = sequence(
    der(0xa0, der(INTEGER, Buffer.from([2]))),
    der(INTEGER, Buffer.from([1])),
    sequence(oid(ECDSA_WITH_SHA256)),
    distinguished(by.name),
    sequence(time(fromMs), time(untilMs)),
    distinguished(name),
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, sequence(...constraints, names)),
  )
  const signature = der(BIT_STRING, Buffer.from([0]), sign('sha256', body, by.privateKey))
  const cert = pem(sequence(body, sequence(oid(ECDSA_WITH_SHA256)), signature))
  return { cert, key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), signer: { name, privateKey } }
}

const [BOOLEAN, INTEGER, BIT_STRING, OCTET_STRING, OBJECT_ID, UTF8_STRING, GENERALIZED_TIME] = [1, 2, 3, 4, 6, 12, 24] as const
const [SEQUENCE, SET] = [0x30, 0x31] as const
const ECDSA_WITH_SHA256 = '2a8648ce3d040302'
const COMMON_NAME = '550403'
const SUBJECT_ALT_NAME = '551d11'
const BASIC_CONSTRAINTS = '551d13'

function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts)
  const { length } = content
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from([tag, ...size]), content])
}

const sequence = (...parts: readonly Buffer[]) => der(SEQUENCE, ...parts)
const oid = (hex: string) => der(OBJECT_ID, Buffer.from(hex, 'hex'))
const distinguished = (name: string) => sequence(der(SET, sequence(oid(COMMON_NAME), der(UTF8_STRING, Buffer.from(name)))))

function time(ms: number): Buffer {
  return der(GENERALIZED_TIME, Buffer.from(`${new Date(ms).toISOString().replace(/\D/g, '').slice(0, 14)}Z`))
}

function extension(id: string, value: Buffer, isCritical: boolean): Buffer {
  const critical = isCritical ? [der(BOOLEAN, Buffer.from([0xff]))] : []
  return sequence(oid(id), ...critical, der(OCTET_STRING, value))
}

function hostName(host: string): Buffer {
  const [kind, name = ''] = host.split(':')
  return kind === 'IP' ? der(0x87, Buffer.from(name.split('.').map(Number))) : der(0x82, Buffer.from(name))
}

function pem(bytes: Buffer): string {
  return `-----BEGIN CERTIFICATE-----\n${bytes.toString('base64').replace(/.{64}/g, '$&\n')}\n-----END CERTIFICATE-----\n`
}
