export interface Store { journal: any; feedback: any; close(): Promise<void> }
export const openLmdbStore = async (..._: any[]): Promise<Store> => ({
  journal: { put: () => ({ settled() {} }), unsettled: 0, healthy: true, recover: () => [], flush: async () => {} },
  feedback: { add() {}, drop() {}, list: () => [], remove() {}, count: () => 0 },
  close: async () => {},
})
export const serveFeedback = (s: any, ..._: any[]): void => s.end()
export const observeFeedback = (_: any): any => ({})
export const observeStore = (_: any): any => ({})
