/** φ as JSON: a line a tensor, its values by rows. */

import type { ArchitectureConfig } from '../../shared/architectures/architecture.js';
import { phiTensors } from '../../shared/phi.js';
import { propertiesOf } from './properties.js';

/** The text: a function of φ and its architecture alone. Every value is the float32 to the last bit. */
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

/** The shortest text of the number; JSON.stringify would drop the sign of −0. */
function textOf(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value);
}
