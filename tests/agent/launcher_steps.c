/* store.c of the launcher, with steps at which it dies. */
#include "launcher/store.h"
#include "tests/agent/steps.h"

#define NAME_OF(name) #name,
static const char *const store_step_names[] = {STORE_STEPS(NAME_OF)};
#define STORE_STEP(step) steps_pass("kill-launcher", store_step_names[step])

#include "launcher/store.c"
