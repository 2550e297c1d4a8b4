/** What the proxy serves beside this page as uplot.js. */
export { default } from 'uplot'
