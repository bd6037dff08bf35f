/** The most floating-point operations that a thread can do in a second. */
#ifndef LOPT_PEAK_H
#define LOPT_PEAK_H

/** Returns the number of operations; writes a result of them, so that none is left out. */
typedef double (*peak_loop)(double iterations, float *sum);

#endif
