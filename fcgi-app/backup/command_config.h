/* command_config.h: what the commands about backup configs share. Private to backup/. */
#ifndef MUSTER_BACKUP_COMMAND_CONFIG_H
#define MUSTER_BACKUP_COMMAND_CONFIG_H

#include "backup/config.h"
#include "command.h"

/* For a write now, by whoever runs the command. */
struct config_write command_config_write(const struct command *c);

#endif
