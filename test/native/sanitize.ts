/** The native kernels under AddressSanitizer and UndefinedBehaviorSanitizer: `npm run test:native-asan [-- SHAPES]`. */
import { messageOf } from '../../shared/errors.js';
import { findCompiler, PROGRAMS, runSanitized, SHAPES, sanitizerFault } from './fuzz.js';

async function main(): Promise<void> {
  const shapes = Number(process.argv[2] ?? SHAPES);
  if (!Number.isInteger(shapes) || shapes < 1) {
    throw new RangeError(
      `Cannot test the native kernels: the number of shapes must be a positive integer, got ${shapes}`,
    );
  }
  const { compiler, fault } = findCompiler();
  const missing = fault ?? (await sanitizerFault(compiler));
  if (missing) {
    console.log(`The native kernels are not tested: ${missing}.`);
    return;
  }
  for (const program of PROGRAMS) {
    await runSanitized(program, compiler, shapes);
    console.log(
      `${program}, ${shapes} random shapes: the sanitizers of ${compiler} saw nothing, and all instruction sets gave the same bits.`,
    );
  }
}

main().catch((error) => {
  console.error(messageOf(error));
  process.exitCode = 1;
});
