/** Where orders come in for the accounts of this process: each goes to the life of its account, and is refused with the reason while there is none. */
import type { Answer, Order } from '../model/order.ts'
import type { Orders } from './orders.ts'

export class OrderRouter {
  private readonly open = new Map<string, Orders>()
  private readonly reasons = new Map<string, string>()

  /** From now on the account's orders go here. */
  take(account: string, orders: Orders): void {
    this.open.set(account, orders)
  }

  /** The account is not read here any more; what waits and what comes is refused for this reason. */
  leave(account: string, why: string): void {
    this.open.get(account)?.end(why)
    this.open.delete(account)
    this.reasons.set(account, why)
  }

  /** Resolves when the order is durable or refused, at the latest when `signal` aborts. */
  give(account: string, order: Order, signal: AbortSignal): Promise<Answer> {
    const text = this.reasons.get(account) ?? 'the connector is starting; try again later'
    return this.open.get(account)?.give(order, signal) ?? Promise.resolve({ outcome: 'refused', text })
  }
}
