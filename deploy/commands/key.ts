/** `lopt key`: makes and shows the keys by which workers and coordinators know each other. */
import { UsageError } from '../../shared/errors.js';
import { keptKey } from '../cluster/trust-flags.js';
import { EXIT } from '../run/exit.js';
import type { Command } from './command.js';

const TASK = 'Cannot show the key';

export const key: Command = {
  name: 'key',
  usage: 'key <file>',
  summary: "print the public key of a worker's key file, which is made if it is missing",
  flags: {},
  switches: { coordinator: "the file holds a coordinator's key" },
  problemOptions: false,
  async run({ file }, { coordinator }) {
    if (!file) throw new UsageError(`${TASK}: name its file`);
    process.stdout.write(`${keptKey(file, coordinator === true ? 'ed25519' : 'x25519').publicKey}\n`);
    return EXIT.done;
  },
};
