/**
 * Cures for three faults of kafkajs 2.2.4 that sit in its prototypes, where no setting reaches. They hold for every client of the process,
 * consumer groups included.
 */
import kafkajs from 'kafkajs'
import Broker from 'kafkajs/src/broker/index.js'
import Cluster from 'kafkajs/src/cluster/index.js'
import RequestQueue from 'kafkajs/src/network/requestQueue/index.js'

let done = false

/** May be called any number of times. */
export function hardenKafkajs(): void {
  if (done) return
  done = true
  silenceIdleTimers()
  tellWhyNoCoordinator()
  leaveSilentBrokers()
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

/**
 * A broker that takes connections and never answers, as a machine that hangs does, is asked for ever when it is named first: kafkajs goes on
 * to the next address only when the connection failed (measured: nothing could be opened while one broker of three hung). Silence in answer
 * to the first question is called that here, and after the connection timeout, as kafkajs means it but for the longer of two it takes.
 */
function leaveSilentBrokers(): void {
  const create = RequestQueue.prototype.createSocketRequest
  RequestQueue.prototype.createSocketRequest = function (this: RequestQueue, pushed) {
    const request = create.call(this, pushed)
    if (pushed.entry.apiName === 'ApiVersions') request.requestTimeout = pushed.requestTimeout ?? request.requestTimeout
    return request
  }
  const ask = Broker.prototype.apiVersions
  Broker.prototype.apiVersions = async function (this: Broker) {
    try {
      return await ask.call(this)
    } catch (error) {
      if (!(error instanceof kafkajs.KafkaJSRequestTimeoutError)) throw error
      throw new kafkajs.KafkaJSConnectionError(`${this.brokerAddress} takes connections but does not answer`, {
        broker: this.brokerAddress,
      })
    }
  }
}
