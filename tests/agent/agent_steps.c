/* swap.c of the agent, with steps at which it dies. */
#include "tests/agent/steps.h"
#include "update/swap.h"

#define NAME_OF(name) #name,
static const char *const swap_step_names[] = {SWAP_STEPS(NAME_OF)};
#define SWAP_STEP(step) steps_pass("kill-swap", swap_step_names[step])

#include "update/swap.c"
