/** The functions that the engine calls. */
export { addLayer, configure, finish, getRecordRows, getStateRows, loadPhi, packBytes } from './network';
export { copyState, forwardBlock } from './forward';
export { backwardBlock, backwardStep, getChunk, weightGradients } from './backward';

/** Where free memory begins. */
export function heapBase(): usize {
  return __heap_base;
}
