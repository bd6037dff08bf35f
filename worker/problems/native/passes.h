/**
 * The passes of assembly/dense.ts and assembly/conv.ts. Arguments are those of the AssemblyScript functions of the same
 * names, in their order: addresses and lengths in bytes, except for counts and scales.
 */
#ifndef LOPT_PROBLEM_PASSES_H
#define LOPT_PROBLEM_PASSES_H

/** A pass in a memory; returns what the function returns, or 0. */
typedef double (*pass_function)(char *memory, const double *arguments);

struct pass {
  const char *name;
  /** Of each argument: p, an address in the memory; n, a count or a length; f, another number. */
  const char *kinds;
  pass_function run;
};

/** Ends with a pass that has no name. */
typedef const struct pass pass_list[];

#endif
