/** What this process has used so far, for the last line of its log and for the bench. */
export function resourceUsage(): { readonly cpuSeconds: number; readonly maxRssBytes: number } {
  const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage()
  return { cpuSeconds: (userCPUTime + systemCPUTime) / 1e6, maxRssBytes: maxRSS * 1024 }
}
