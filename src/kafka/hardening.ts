/**
 * Cures for two faults of kafkajs 2.2.4 that sit in its prototypes, where no setting reaches. Both hold for every client of the process,
 * consumer groups included.
 */
import Cluster from 'kafkajs/src/cluster/index.js'
import RequestQueue from 'kafkajs/src/network/requestQueue/index.js'

let done = false

/** May be called any number of times. */
export function hardenKafkajs(): void {
  if (done) return
  done = true
  silenceIdleTimers()
  tellWhyNoCoordinator()
}

/** An idle connection re-arms a timer with a negative delay some 900 times a second; with nothing pending there is nothing to check. */
function silenceIdleTimers(): void {
  const schedule = RequestQueue.prototype.scheduleCheckPendingRequests
  RequestQueue.prototype.scheduleCheckPendingRequests = function (this: RequestQueue) {
    if (this.pending.length > 0) schedule.call(this)
  }
}

/**
 * Every broker's answer to FindCoordinator is swallowed, so a missing right on a transactional id or a group looks like a broker that is not
 * there, for ever (measured). Here the last answer is thrown; the caller in kafkajs still repeats the ones that pass.
 */
function tellWhyNoCoordinator(): void {
  Cluster.prototype.findGroupCoordinatorMetadata = async function (this: Cluster, request) {
    let refusal: unknown
    const found = await this.brokerPool.withBroker(async ({ broker }) => {
      try {
        return await broker.findGroupCoordinator(request)
      } catch (error) {
        refusal = error
        throw error
      }
    })
    if (found !== null) return found
    throw refusal ?? new Error('no broker to ask for a coordinator')
  }
}
