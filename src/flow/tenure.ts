/**
 * The time during which an account is ours: from Kafka's assignment until it is taken back, or the program stops. Everything that publishes
 * runs under its signals, so that whoever comes after finds nothing half done, or fences what is.
 */
import type { Grant, Happening, Ownership } from '../ports.ts'
import type { Stop } from './sweep.ts'

export class Tenure {
  /** The program's signals and Kafka's together. */
  readonly stop: Stop
  private readonly grant: Grant

  private constructor(grant: Grant, stop: Stop) {
    this.grant = grant
    this.stop = {
      soft: AbortSignal.any([stop.soft, grant.revoked]),
      hard: AbortSignal.any([stop.hard, grant.lost]),
    }
  }

  /** Waits until the account is ours; says so when another instance has it meanwhile. Throws what `Ownership.acquire` throws. */
  static async begin(ownership: Ownership, stop: Stop, note: (happening: Happening) => void): Promise<Tenure> {
    const grant = await ownership.acquire(() => note({ kind: 'task', state: 'standby' }), stop.soft)
    return new Tenure(grant, stop)
  }

  /** Whether Kafka has taken the account back. */
  get isOver(): boolean {
    return this.grant.revoked.aborted
  }

  /** How it ended: given back in order, or lost without being asked. */
  get ending(): 'revoked' | 'lost' {
    return this.grant.lost.aborted ? 'lost' : 'revoked'
  }

  /** Whether the account is still ours, as Kafka answers now: it was fenced, or a transaction of ours took too long. */
  async confirm(): Promise<boolean> {
    return await this.grant.confirm()
  }

  end(): void {
    this.grant.release()
  }
}
