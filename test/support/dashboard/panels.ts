/** Panels in few words, and what Grafana wants to hear for them. Sizes count in Grafana's grid of 24 columns. */

/** Grafana's own names of units. */
export type Unit = 's' | 'percentunit' | 'short' | 'none' | 'cps' | 'reqps' | 'rowsps' | 'eps' | 'ops'

export interface Query {
  readonly expr: string
  /** Series by their labels: `{{account}}`. */
  readonly legend: string
}

export interface Panel {
  readonly kind: 'timeseries' | 'stat' | 'state-timeline' | 'bargauge'
  readonly title: string
  /** What it shows, and what is normal. */
  readonly description: string
  readonly unit: Unit
  readonly queries: readonly Query[]
  readonly width: 6 | 8 | 12 | 24
  /** Colours from a value on; below the first it is green, or what `calm` says. */
  readonly thresholds?: readonly (readonly [from: number, colour: 'green' | 'orange' | 'red'])[]
  readonly calm?: 'green' | 'red'
  /** What to read where there is no series, and where that is normal. */
  readonly nothing?: string
  /** Texts in place of numbers, with their colours. */
  readonly texts?: Readonly<Record<number, readonly [text: string, colour: string]>>
  readonly stacked?: boolean
  /** The highest value there can be. */
  readonly max?: number
}

export interface Row {
  readonly title: string
  readonly panels: readonly Panel[]
}

export const DATASOURCE = { type: 'prometheus', uid: '$datasource' }

const HEIGHTS = { stat: 5, 'state-timeline': 6, timeseries: 8, bargauge: 8 } as const

export const heightOf = ({ kind }: Panel): number => HEIGHTS[kind]

/** The panel at its place, as a dashboard's JSON holds it. */
export function panelJson(panel: Panel, id: number, x: number, y: number): object {
  const isInstant = panel.kind === 'stat' || panel.kind === 'bargauge'
  return {
    id,
    type: panel.kind,
    title: panel.title,
    description: panel.description,
    datasource: DATASOURCE,
    gridPos: { x, y, w: panel.width, h: heightOf(panel) },
    targets: panel.queries.map(({ expr, legend }, index) => ({
      refId: String.fromCharCode(65 + index),
      datasource: DATASOURCE,
      expr,
      legendFormat: legend,
      instant: isInstant,
      range: !isInstant,
    })),
    fieldConfig: { defaults: fieldDefaults(panel), overrides: [] },
    options: optionsOf(panel),
  }
}

function fieldDefaults(panel: Panel): object {
  const { unit, max, nothing, texts, thresholds = [], calm = 'green' } = panel
  const mappings = Object.entries(texts ?? {}).map(([value, [text, color]], index) => [value, { text, color, index }])
  return {
    unit,
    min: 0,
    ...(max === undefined ? {} : { max }),
    ...(nothing === undefined ? {} : { noValue: nothing }),
    mappings: texts === undefined ? [] : [{ type: 'value', options: Object.fromEntries(mappings) }],
    thresholds: {
      mode: 'absolute',
      steps: [{ color: calm, value: null }, ...thresholds.map(([value, color]) => ({ color, value }))],
    },
    color: { mode: panel.kind === 'timeseries' ? 'palette-classic' : 'thresholds' },
    custom: customOf(panel),
  }
}

function customOf({ kind, stacked = false, thresholds }: Panel): object {
  if (kind === 'state-timeline') return { fillOpacity: 80, lineWidth: 0 }
  if (kind !== 'timeseries') return {}
  return {
    drawStyle: 'line',
    lineWidth: 1,
    fillOpacity: stacked ? 40 : 10,
    showPoints: 'never',
    spanNulls: false,
    stacking: { mode: stacked ? 'normal' : 'none', group: 'A' },
    thresholdsStyle: { mode: thresholds === undefined ? 'off' : 'dashed' },
  }
}

function optionsOf({ kind }: Panel): object {
  const reduceOptions = { calcs: ['lastNotNull'], fields: '', values: false }
  switch (kind) {
    case 'stat':
      return {
        reduceOptions,
        colorMode: 'background',
        graphMode: 'none',
        textMode: 'auto',
        justifyMode: 'auto',
        orientation: 'auto',
      }
    case 'bargauge':
      return { reduceOptions, orientation: 'horizontal', displayMode: 'basic', showUnfilled: true, valueMode: 'color' }
    case 'state-timeline':
      return {
        mergeValues: true,
        showValue: 'auto',
        rowHeight: 0.8,
        legend: { showLegend: true, displayMode: 'list', placement: 'bottom' },
        tooltip: { mode: 'single', sort: 'none' },
      }
    case 'timeseries':
      return {
        legend: { showLegend: true, displayMode: 'list', placement: 'bottom', calcs: [] },
        tooltip: { mode: 'multi', sort: 'desc' },
      }
  }
}
