/** `npm run dashboard`: writes the dashboard anew, after a change of its rows or of the metrics. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { dashboardText } from './dashboard.ts'

writeFileSync(join(import.meta.dirname, '../../../config/grafana/dashboards/call-log-source.json'), dashboardText())
