/** What several processes tell, told as by one. */
import t from 'tap'
import { sumOf, type Sources } from '../../src/admin/source-sum.ts'
import type { StoreState } from '../../src/admin/status-source.ts'

function worker(store: StoreState): Sources {
  return { routes: [], rejections: [], totals: { received: 0, delivered: 0, latency: [] }, store }
}

t.test('the store is as bad as the worst has it', (t) => {
  t.equal(sumOf([worker('written'), worker('written')]).store, 'written')
  t.equal(sumOf([worker('full'), worker('unwritten')]).store, 'full')
  t.equal(sumOf([worker('written'), worker('unwritten')]).store, 'unwritten')
  t.end()
})
