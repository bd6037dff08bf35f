/** The compiled kernel in base64, which build-kernels.js makes. */

/** With relaxed SIMD: fused multiply-add if the processor has it. */
export const RELAXED: string;
/** Without: the same bits on any processor. */
export const STRICT: string;
