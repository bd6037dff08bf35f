/** φ as JSON: one line per tensor, in row-major order. */

import type { ArchitectureConfig } from '../../shared/architectures/architecture.js';
import { phiTensors } from '../../shared/phi.js';
import { propertiesOf } from './properties.js';

/** The JSON text, a function of φ and its architecture alone. Values keep the float32 exactly. */
export function encodeJson(architecture: ArchitectureConfig, phi: Float32Array): string {
  const properties = {
    format: 'lopt',
    ...propertiesOf(architecture),
  };
  const lines = Object.entries(properties).map(([name, value]) => `  "${name}": ${JSON.stringify(value)},\n`);
  const tensors = phiTensors(architecture).map(({ name, shape, offset, length }) => {
    const values = [...phi.subarray(offset, offset + length)].map(textOf);
    return `    "${name}": {"shape":${JSON.stringify(shape)},"values":[${values.join(',')}]}`;
  });
  return `{\n${lines.join('')}  "tensors": {\n${tensors.join(',\n')}\n  }\n}\n`;
}

/** The shortest text for the number; JSON.stringify would drop the sign of −0. */
function textOf(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value);
}
