# Muster. `make help` lists the targets; README.md says where to start; V=1 shows each command.

VERSION := 0.1.0
BUILD := build
MUSTER_VAR ?= var
MUSTER_PORT ?= 8443
export MUSTER_VAR MUSTER_PORT

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules
SHELL := /bin/bash

# One short line a step; V=1 shows the commands.
Q := $(if $(V),,@)
step = $(if $(V),,@printf '  %-4s %s\n' $(1) $(2))

.PHONY: all
all: $(BUILD)/muster-app agents ## build the server and both agents

# --- flags -----------------------------------------------------------------------------------------------------------

WARN := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wformat=2 \
        -Wundef -Wcast-qual -Wwrite-strings -Wnull-dereference $(if $(WERROR),-Werror)
CPPFLAGS_COMMON := -D_GNU_SOURCE -DMUSTER_VERSION='"$(VERSION)"' -I.
CFLAGS_COMMON := -std=c17 -g $(WARN) -fstack-protector-strong -fstack-clash-protection -MMD -MP
HARDEN := -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3
LDFLAGS_COMMON := -Wl,-z,relro,-z,now

# --- the server ------------------------------------------------------------------------------------------------------

# A variant is a set of flags with objects of its own: "app" is what ships, "asan" is for the tests.
COMMON_SRC := $(wildcard common/*.c)
APP_SRC := $(wildcard fcgi-app/*.c fcgi-app/*/*.c)
GEN := $(BUILD)/gen
GEN_SRC := $(GEN)/statements.c $(GEN)/migrations.c $(GEN)/common_words.c
SQL := $(wildcard sql/migrations/*.sql) $(wildcard sql/queries/*.sql)

APP_CPPFLAGS := $(CPPFLAGS_COMMON) -Ifcgi-app -I$(GEN)
APP_LIBS := -lfcgi -lssl -lcrypto -lsqlite3 -ljansson -largon2 -lzstd -lxxhash -lglib-2.0 -lcurl -lexpat -loath -lqrencode -lfido2 \
            -ljwt -lpthread

app_FLAGS := -O2 $(HARDEN) -fPIE
app_LDFLAGS := -pie
asan_FLAGS := -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined
asan_LDFLAGS := -fsanitize=address,undefined

app_OBJ := $(patsubst %.c,$(BUILD)/app/%.o,$(COMMON_SRC) $(APP_SRC) $(GEN_SRC))
asan_OBJ := $(patsubst %.c,$(BUILD)/asan/%.o,$(COMMON_SRC) $(APP_SRC) $(GEN_SRC))

$(GEN)/statements.h $(GEN)/statements.c $(GEN)/migrations.c &: sql/generate $(SQL)
	@mkdir -p $(GEN)
	$(call step,GEN,$(GEN))
	$(Q)sql/generate $(GEN)

# Passwords that are often used: a list that others keep, which npm brings.
WORDS := $(BUILD)/npm-words
$(WORDS)/.done: $(addprefix fcgi-app/auth/words/,package.json package-lock.json .npmrc)
	@mkdir -p $(WORDS)
	cp $^ $(WORDS)/
	cd $(WORDS) && npm ci --ignore-scripts --no-audit --no-fund
	@touch $@
$(GEN)/common_words.c: $(WORDS)/.done fcgi-app/auth/words/generate.mjs
	@mkdir -p $(GEN)
	$(call step,GEN,$@)
	$(Q)node fcgi-app/auth/words/generate.mjs $(WORDS)/node_modules/@zxcvbn-ts/language-common/src/passwords.json > $@

define variant
$$(BUILD)/$(1)/%.o: %.c | $$(GEN)/statements.h
	@mkdir -p $$(@D)
	$$(call step,CC,$$@)
	$$(Q)$$(CC) $$(APP_CPPFLAGS) $$(CFLAGS_COMMON) $$($(1)_FLAGS) -c -o $$@ $$<
endef
$(eval $(call variant,app))
$(eval $(call variant,asan))

# GLib reads time zones, and only there; its headers are not to our warnings' taste.
%/fcgi-app/schedule/zone.o: APP_CPPFLAGS += $(patsubst -I%,-isystem %,$(shell pkg-config --cflags glib-2.0 2>/dev/null))

$(BUILD)/muster-app: $(app_OBJ)
	$(call step,LINK,$@)
	$(Q)$(CC) $(app_LDFLAGS) $(LDFLAGS_COMMON) -o $@ $^ $(APP_LIBS)

$(BUILD)/asan/muster-app: $(asan_OBJ)
	$(call step,LINK,$@)
	$(Q)$(CC) $(asan_LDFLAGS) $(LDFLAGS_COMMON) -o $@ $^ $(APP_LIBS)

# --- the agent -------------------------------------------------------------------------------------------------------

AGENT_SRC := $(wildcard $(addsuffix /*.c,agent-static $(addprefix agent-static/,net poll backup snapshot age restore tuf update)))
LAUNCHER_SRC := $(wildcard agent-static/launcher/*.c)
ARCHES := amd64 arm64
NATIVE := $(shell dpkg --print-architecture)
amd64_TRIPLET := x86_64-linux-gnu
arm64_TRIPLET := aarch64-linux-gnu
DEPS := $(BUILD)/deps
AGENT_CPPFLAGS = $(CPPFLAGS_COMMON) -Iagent-static
AGENT_FLAGS := -Os $(HARDEN) -fPIE -ffunction-sections -fdata-sections -fno-asynchronous-unwind-tables -fno-unwind-tables
# lld, because it packs relocations (RELR) and lays segments out without gaps: 50 KiB less on arm64, where pages may be
# of 64 KiB. Cross compilers look for it nowhere by themselves.
LLD := $(BUILD)/lld
AGENT_LDFLAGS := -static-pie -fuse-ld=lld -B$(LLD) -Wl,-O2,--gc-sections,--icf=safe,--pack-dyn-relocs=relr
AGENT_LIBS := -larchive -lacl -lattr -lzstd -lz -ljansson -lmbedtls -lmbedx509 -lmbedcrypto

# Before this moment no clock of a host can be right.
BUILD_TIME := $(or $(SOURCE_DATE_EPOCH),$(shell git log -1 --format=%ct 2>/dev/null),$(shell date +%s))

$(LLD)/ld.lld:
	@mkdir -p $(@D)
	$(Q)ln -sf "$$(command -v ld.lld)" $@

define agent_arch
$$(DEPS)/$(1)/.done: $$(wildcard agent-static/deps/*)
	$$(Q)agent-static/deps/build --arch $(1) --out $$(DEPS)/$(1) --src $$(DEPS)/src --jobs $$(shell nproc)
	@touch $$@

$$(BUILD)/$(1)/%.o: %.c | $$(DEPS)/$(1)/.done $$(LLD)/ld.lld
	@mkdir -p $$(@D)
	$$(call step,CC,$$@)
	$$(Q)$$(DEPS)/$(1)/bin/muster-cc $$(AGENT_CPPFLAGS) $$(CFLAGS_COMMON) $$(AGENT_FLAGS) -c -o $$@ $$<

$$(BUILD)/$(1)/agent-static/backup/md5.o: AGENT_FLAGS += -O2

$$(BUILD)/$(1)/agent-static/net/trusttime.o: AGENT_CPPFLAGS += -DMUSTER_BUILD_TIME_S=$$(BUILD_TIME)

$$(BUILD)/$(1)/muster-agent: $$(patsubst %.c,$$(BUILD)/$(1)/%.o,$$(COMMON_SRC) $$(AGENT_SRC)) $$(DEPS)/$(1)/.done
	$$(call step,LINK,$$@)
	$$(Q)$$(DEPS)/$(1)/bin/muster-cc $$(AGENT_LDFLAGS) $$(LDFLAGS_COMMON) -o $$@.debug $$(filter %.o,$$^) $$(AGENT_LIBS)
	$$(Q)$$($(1)_TRIPLET)-strip -o $$@ $$@.debug

# Releases for the tests: the same objects, another version, and perhaps a fault of tests/agent/faults.c. "0.2.0" and
# "0.2.0_crash" are names of such.
$$(BUILD)/$(1)/releases/%/muster-agent: tests/agent/faults.c \
		$$(patsubst %.c,$$(BUILD)/$(1)/%.o,$$(filter-out agent-static/version.c,$$(COMMON_SRC) $$(AGENT_SRC)))
	@mkdir -p $$(@D)
	$$(call step,LINK,$$@)
	$$(Q)$$(DEPS)/$(1)/bin/muster-cc $$(AGENT_CPPFLAGS) -UMUSTER_VERSION \
	    -DMUSTER_VERSION='"$$(word 1,$$(subst _, ,$$*))"' -DFAULT_$$(or $$(word 2,$$(subst _, ,$$*)),none) \
	    $$(CFLAGS_COMMON) $$(AGENT_FLAGS) $$(AGENT_LDFLAGS) $$(LDFLAGS_COMMON) -Wl,-s -MF $$(@D)/.d -o $$@ \
	    agent-static/version.c tests/agent/faults.c $$(filter %.o,$$^) $$(AGENT_LIBS)

# For the bench: a release one of whose files became other code, which compiling it for speed stands for.
$$(BUILD)/$(1)/changed/loop.o: agent-static/poll/loop.c | $$(DEPS)/$(1)/.done
	@mkdir -p $$(@D)
	$$(Q)$$(DEPS)/$(1)/bin/muster-cc $$(AGENT_CPPFLAGS) $$(CFLAGS_COMMON) $$(AGENT_FLAGS) -O2 -c -o $$@ $$<
$$(BUILD)/$(1)/releases/%_changed/muster-agent: tests/agent/faults.c $$(BUILD)/$(1)/changed/loop.o \
		$$(patsubst %.c,$$(BUILD)/$(1)/%.o,$$(filter-out agent-static/version.c,$$(COMMON_SRC) $$(AGENT_SRC)))
	@mkdir -p $$(@D)
	$$(call step,LINK,$$@)
	$$(Q)$$(DEPS)/$(1)/bin/muster-cc $$(AGENT_CPPFLAGS) -UMUSTER_VERSION -DMUSTER_VERSION='"$$*"' -DFAULT_none \
	    $$(CFLAGS_COMMON) $$(AGENT_FLAGS) $$(AGENT_LDFLAGS) $$(LDFLAGS_COMMON) -Wl,-s -MF $$(@D)/.d -o $$@ \
	    agent-static/version.c tests/agent/faults.c \
	    $$(patsubst %/agent-static/poll/loop.o,%/changed/loop.o,$$(filter %.o,$$(wordlist 3,999,$$^))) $$(AGENT_LIBS)

$$(BUILD)/$(1)/muster-launcher: $$(patsubst %.c,$$(BUILD)/$(1)/%.o,$$(LAUNCHER_SRC))
	$$(call step,LINK,$$@)
	$$(Q)$$(DEPS)/$(1)/bin/muster-cc $$(AGENT_LDFLAGS) $$(LDFLAGS_COMMON) -o $$@.debug $$^
	$$(Q)$$($(1)_TRIPLET)-strip -o $$@ $$@.debug
endef
$(foreach arch,$(ARCHES),$(eval $(call agent_arch,$(arch))))

.PHONY: agents agent-native
agents: $(foreach arch,$(ARCHES),$(BUILD)/$(arch)/muster-agent $(BUILD)/$(arch)/muster-launcher) ## build the agents for every architecture
agent-native: $(BUILD)/$(NATIVE)/muster-agent $(BUILD)/$(NATIVE)/muster-launcher

# The agent's TUF client as a program for the conformance suite and our own cases: this machine's libc and jansson, so
# that libfaketime can move its clock, but the cryptography of the agent: only tuf_crypto.c knows mbedTLS, which calls
# nothing of a libc that musl and glibc have in two forms but mutexes (tests/tuf-client/mutex.c).
comma := ,
TUF_CLIENT := $(patsubst %.c,$(BUILD)/app/%.o,$(COMMON_SRC) $(wildcard tests/tuf-client/*.c) \
              agent-static/net/http_parse.c agent-static/tuf/metadata.c \
              $(filter-out %/tuf_crypto.c,$(wildcard agent-static/tuf/tuf_*.c))) \
              $(BUILD)/$(NATIVE)/agent-static/tuf/tuf_crypto.o
$(filter $(BUILD)/app/agent-static/% $(BUILD)/app/tests/tuf-client/%,$(TUF_CLIENT)): APP_CPPFLAGS = $(AGENT_CPPFLAGS)
.PHONY: tuf-client
tuf-client: $(BUILD)/tuf-client ## build the TUF client that conformance tests drive
$(BUILD)/tuf-client: $(TUF_CLIENT) $(DEPS)/$(NATIVE)/.done
	$(call step,LINK,$@)
	$(Q)$(CC) $(app_LDFLAGS) $(LDFLAGS_COMMON) $(addprefix -Wl$(comma)--wrap=pthread_mutex_,init lock unlock destroy) \
	    -o $@ $(filter %.o,$^) $(DEPS)/$(NATIVE)/lib/libmbedcrypto.a -ljansson

# --- manual pages ----------------------------------------------------------------------------------------------------

.PHONY: man
man: $(BUILD)/man/muster-app.8 $(BUILD)/man/muster-agent.8 $(BUILD)/man/muster-launcher.8 ## write the manual pages
$(BUILD)/man/muster-app.8: $(BUILD)/muster-app docs/man/generate docs/man/muster-app.notes
	@mkdir -p $(@D)
	docs/man/generate $< 8 $(VERSION) docs/man/muster-app.notes > $@
$(BUILD)/man/muster-agent.8: $(BUILD)/$(NATIVE)/muster-agent docs/man/generate docs/man/muster-agent.notes
	@mkdir -p $(@D)
	docs/man/generate $< 8 $(VERSION) docs/man/muster-agent.notes > $@
$(BUILD)/man/muster-launcher.8: docs/man/muster-launcher.8
	@mkdir -p $(@D)
	cp $< $@

# --- measuring -------------------------------------------------------------------------------------------------------

$(BUILD)/bench/swarm: tests/bench/swarm.c
	@mkdir -p $(@D)
	$(CC) -std=c17 -D_GNU_SOURCE -O2 $(WARN) -o $@ $< -lssl -lcrypto
$(BUILD)/bench/engine: $(BUILD)/app/tests/bench/engine.o $(BUILD)/app/libmuster.a
	@mkdir -p $(@D)
	$(CC) $(app_LDFLAGS) -Wl,--wrap=db_write -o $@ $^ $(APP_LIBS) -lcmocka
$(BUILD)/app/tests/bench/engine.o: APP_CPPFLAGS += -Itests/unit
BENCH_RELEASES := $(patsubst %,$(BUILD)/$(NATIVE)/releases/%/muster-agent,0.2.0 0.3.0 0.4.0_changed)

.PHONY: bench deps-bench
deps-bench: deps-run
	$(call install_packages,wrk zstd bsdiff xz-utils restic borgbackup libcmocka-dev python3-cryptography python3-requests \
	    python3-argon2 chromium)
bench: deps-bench ## measure speed and memory beside a reference (25 minutes)
	@$(MAKE) --no-print-directory -j$$(nproc) agents $(BUILD)/muster-app $(BUILD)/www $(BUILD)/bench/swarm \
	    $(BUILD)/bench/engine $(BENCH_RELEASES) $(WEB_TEST_DEPS)
	@tests/bench/run

# --- tests -----------------------------------------------------------------------------------------------------------

# Every tests/unit/test_X.c is a program. Where common/X.c exists, common/ is all it is linked with; the others get the
# whole server without its main. The linker takes from the archives what a test needs.
UNIT_TESTS := $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/test_*.c))
UNIT_COMMON := $(filter $(UNIT_TESTS),$(patsubst common/%.c,test_%,$(COMMON_SRC)) test_allocfail)
UNIT_APP := $(filter-out $(UNIT_COMMON),$(UNIT_TESTS))
ALLOCFAIL_WRAP := -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=strdup,--wrap=free

# Releases that the tests publish; what is behind "_" is wrong with them.
TEST_RELEASES := $(patsubst %,$(BUILD)/$(NATIVE)/releases/%/muster-agent,\
    0.2.0 0.2.1_crash 0.2.2_hang 0.2.3_exit 0.2.4_deaf 0.2.5_shred 0.3.0) \
    $(patsubst %,$(BUILD)/$(filter-out $(NATIVE),$(ARCHES))/releases/%/muster-agent,0.2.0 0.2.1_crash)

# unit_tests VARIANT DIRECTORY
define unit_tests
$$(BUILD)/$(1)/libcommon.a: $$(patsubst %.c,$$(BUILD)/$(1)/%.o,$$(COMMON_SRC))
	$$(Q)rm -f $$@ && $$(AR) rcs $$@ $$^
$$(BUILD)/$(1)/libmuster.a: $$(filter-out $$(BUILD)/$(1)/fcgi-app/main.o,$$($(1)_OBJ))
	$$(Q)rm -f $$@ && $$(AR) rcs $$@ $$^
$$(addprefix $(2)/,$$(UNIT_COMMON)): $(2)/%: $$(BUILD)/$(1)/tests/unit/%.o $$(BUILD)/$(1)/libcommon.a
	@mkdir -p $$(@D)
	$$(call step,LINK,$$@)
	$$(Q)$$(CC) $$($(1)_LDFLAGS) $$(LDFLAGS_COMMON) $$(TEST_LDFLAGS) -o $$@ $$^ -ljansson -lcmocka
$$(addprefix $(2)/,$$(UNIT_APP)): $(2)/%: $$(BUILD)/$(1)/tests/unit/%.o $$(BUILD)/$(1)/libmuster.a
	@mkdir -p $$(@D)
	$$(call step,LINK,$$@)
	$$(Q)$$(CC) $$($(1)_LDFLAGS) $$(LDFLAGS_COMMON) $$(TEST_LDFLAGS) -o $$@ $$^ $$(APP_LIBS) -lcmocka
$(2)/test_allocfail: TEST_LDFLAGS := $$(ALLOCFAIL_WRAP)
$(2)/test_password: TEST_LDFLAGS := -Wl,--wrap=argon2id_verify,--wrap=argon2id_hash_raw
$(2)/test_guessable: TEST_LDFLAGS := -Wl,--wrap=gethostname
endef
$(eval $(call unit_tests,app,$(BUILD)/unit))
$(eval $(call unit_tests,asan,$(BUILD)/asan/unit))
.PRECIOUS: $(BUILD)/app/tests/unit/%.o $(BUILD)/asan/tests/unit/%.o

UNIT_PROGRAMS := $(addprefix $(BUILD)/unit/,$(UNIT_TESTS))
ASAN_PROGRAMS := $(addprefix $(BUILD)/asan/unit/,$(UNIT_TESTS))

# The agent's unit tests are built like the agent: with musl, for this machine's architecture.
CMOCKA := $(DEPS)/cmocka
AGENT_UNIT_TESTS := $(patsubst tests/unit/agent/%.c,%,$(wildcard tests/unit/agent/test_*.c))
AGENT_UNIT_PROGRAMS := $(addprefix $(BUILD)/unit/agent/,$(AGENT_UNIT_TESTS))
AGENT_OBJ := $(patsubst %.c,$(BUILD)/$(NATIVE)/%.o,$(COMMON_SRC) $(AGENT_SRC))

$(CMOCKA)/lib/libcmocka.a: tests/unit/agent/cmocka/build tests/unit/agent/cmocka/sources | $(DEPS)/$(NATIVE)/.done
	tests/unit/agent/cmocka/build --prefix $(DEPS)/$(NATIVE) --src $(DEPS)/src-test --out $(CMOCKA)
$(BUILD)/$(NATIVE)/libagent.a: $(filter-out $(BUILD)/$(NATIVE)/agent-static/main.o,$(AGENT_OBJ))
	$(Q)rm -f $@ && $(AR) rcs $@ $^
$(BUILD)/$(NATIVE)/tests/%.o: AGENT_CPPFLAGS += -I$(CMOCKA)/include
$(AGENT_UNIT_TESTS:%=$(BUILD)/$(NATIVE)/tests/unit/agent/%.o): | $(CMOCKA)/lib/libcmocka.a
$(BUILD)/$(NATIVE)/liblauncher.a: $(patsubst %.c,$(BUILD)/$(NATIVE)/%.o,$(filter-out %/launcher.c,$(LAUNCHER_SRC)))
	$(Q)rm -f $@ && $(AR) rcs $@ $^
$(AGENT_UNIT_PROGRAMS): $(BUILD)/unit/agent/%: $(BUILD)/$(NATIVE)/tests/unit/agent/%.o $(BUILD)/$(NATIVE)/libagent.a \
		$(BUILD)/$(NATIVE)/liblauncher.a
	@mkdir -p $(@D)
	$(call step,LINK,$@)
	$(Q)$(DEPS)/$(NATIVE)/bin/muster-cc $(AGENT_LDFLAGS) $(LDFLAGS_COMMON) $(AGENT_TEST_LDFLAGS) -o $@ $^ -L$(CMOCKA)/lib -lcmocka $(AGENT_LIBS)

$(BUILD)/unit/agent/test_overlay: AGENT_TEST_LDFLAGS := -Wl,--wrap=openat
$(BUILD)/unit/agent/test_powercut: AGENT_TEST_LDFLAGS := -Wl,--wrap=open,--wrap=write,--wrap=fsync,--wrap=fchmod \
    -Wl,--wrap=link,--wrap=rename,--wrap=unlink

# For the tests of the launcher: an agent that does as it is told, and a launcher that can be killed at every step.
FAKES := $(BUILD)/fakes/fake-agent $(BUILD)/fakes/muster-launcher $(BUILD)/fakes/0.1.0/muster-agent \
         $(BUILD)/fakes/0.2.0/muster-agent
FAKE_CC = $(DEPS)/$(NATIVE)/bin/muster-cc $(AGENT_CPPFLAGS) $(CFLAGS_COMMON) $(AGENT_FLAGS) $(AGENT_LDFLAGS) -Wl,-s -MF $@.d
$(BUILD)/fakes/fake-agent: tests/agent/fake_agent.c $(BUILD)/$(NATIVE)/libagent.a
	@mkdir -p $(@D)
	$(call step,LINK,$@)
	$(Q)$(FAKE_CC) -o $@ $< $(filter %.a,$^) $(AGENT_LIBS)
$(BUILD)/fakes/muster-launcher: tests/agent/launcher_steps.c \
		$(patsubst %.c,$(BUILD)/$(NATIVE)/%.o,$(filter-out %/store.c,$(LAUNCHER_SRC)))
	@mkdir -p $(@D)
	$(call step,LINK,$@)
	$(Q)$(FAKE_CC) -o $@ $< $(filter %.o,$^)

# The real agent of a version, which can be killed at every step of the swap.
$(BUILD)/fakes/%/muster-agent: tests/agent/agent_steps.c $(patsubst %.c,$(BUILD)/$(NATIVE)/%.o,\
		$(filter-out agent-static/version.c agent-static/update/swap.c,$(COMMON_SRC) $(AGENT_SRC)))
	@mkdir -p $(@D)
	$(call step,LINK,$@)
	$(Q)$(FAKE_CC) -UMUSTER_VERSION -DMUSTER_VERSION='"$*"' -o $@ agent-static/version.c $< $(filter %.o,$^) $(AGENT_LIBS)

# The steps of an update one by one, the agent's encryption by itself, and what a backup stores, for tests/agent.
UPDATE_DRIVER := $(BUILD)/$(NATIVE)/tests/update_driver
AGE_DRIVER := $(BUILD)/$(NATIVE)/tests/age_driver
SNAPSHOT_DRIVER := $(BUILD)/$(NATIVE)/tests/snapshot_driver
$(UPDATE_DRIVER) $(AGE_DRIVER) $(SNAPSHOT_DRIVER): $(BUILD)/$(NATIVE)/tests/%: $(BUILD)/$(NATIVE)/tests/agent/%.o \
		$(BUILD)/$(NATIVE)/libagent.a
	$(call step,LINK,$@)
	$(Q)$(DEPS)/$(NATIVE)/bin/muster-cc $(AGENT_LDFLAGS) $(LDFLAGS_COMMON) -o $@ $^ $(AGENT_LIBS)

# The object stores, one call at a time, for tests/api.
STORE_DRIVER := $(BUILD)/store-driver
ASAN_STORE_DRIVER := $(BUILD)/asan/store-driver
$(STORE_DRIVER): $(BUILD)/app/tests/api/store_driver.o $(BUILD)/app/libmuster.a
	$(call step,LINK,$@)
	$(Q)$(CC) $(app_LDFLAGS) $(LDFLAGS_COMMON) -o $@ $^ $(APP_LIBS)
$(ASAN_STORE_DRIVER): $(BUILD)/asan/tests/api/store_driver.o $(BUILD)/asan/libmuster.a
	$(call step,LINK,$@)
	$(Q)$(CC) $(asan_LDFLAGS) $(LDFLAGS_COMMON) -o $@ $^ $(APP_LIBS)

# Fuzz targets are built by clang in a variant of their own and take what they need from the whole server.
FUZZ_SECONDS ?= 20
FUZZ_TARGETS := $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_PROGRAMS := $(addprefix $(BUILD)/fuzz/,$(FUZZ_TARGETS))
fuzz_FLAGS := -O1 -fno-omit-frame-pointer -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined
fuzz_OBJ := $(patsubst %.c,$(BUILD)/fuzz/%.o,$(filter-out fcgi-app/main.c,$(COMMON_SRC) $(APP_SRC)) $(GEN_SRC))
$(eval $(call variant,fuzz))
$(BUILD)/fuzz/%: CC := clang
# Those of the agent's parsers include what they feed, which has no place among the server's objects.
AGENT_FUZZ := fuzz_age fuzz_eventlog fuzz_exclude fuzz_http_reply fuzz_listing fuzz_patch fuzz_url fuzz_window fuzz_workload
$(AGENT_FUZZ:%=$(BUILD)/fuzz/tests/fuzz/%.o): APP_CPPFLAGS += -Iagent-static
$(BUILD)/fuzz/libmuster.a: $(fuzz_OBJ)
	$(Q)rm -f $@ && $(AR) rcs $@ $^
# The agent's TUF client, with a stand-in for the cryptography that random bytes would never come past.
FUZZ_TUF := fuzz_tuf_meta fuzz_tuf_trust
$(filter-out %/fuzz_list %/fuzz_restore %/fuzz_trial $(FUZZ_TUF:%=$(BUILD)/fuzz/%),$(FUZZ_PROGRAMS)): $(BUILD)/fuzz/%: $(BUILD)/fuzz/tests/fuzz/%.o $(BUILD)/fuzz/libmuster.a
	$(call step,LINK,$@)
	$(Q)$(CC) -fsanitize=fuzzer,address,undefined -o $@ $^ $(APP_LIBS) $(FUZZ_LIBS)
$(BUILD)/fuzz/fuzz_patch $(BUILD)/fuzz/fuzz_listing: FUZZ_LIBS := -lzstd # this machine's
# The agent's restore, with this machine's libarchive.
FUZZ_RESTORE := $(patsubst %.c,$(BUILD)/fuzz/%.o,tests/fuzz/fuzz_restore.c $(COMMON_SRC) \
                $(addprefix agent-static/,$(addprefix restore/,extract.c disk.c place.c tree.c deleted.c choice.c links.c \
                overlay.c) backup/report.c backup/progress.c snapshot/attrs.c snapshot/exclude.c))
FUZZ_TUF_CORE := $(patsubst %.c,$(BUILD)/fuzz/%.o,tests/fuzz/tuf_standin.c $(COMMON_SRC) \
                 $(filter-out %/tuf_crypto.c,$(wildcard agent-static/tuf/tuf_*.c)))
$(BUILD)/fuzz/agent-static/%.o $(addprefix $(BUILD)/fuzz/tests/fuzz/,fuzz_list.o fuzz_restore.o fuzz_trial.o tuf_standin.o $(FUZZ_TUF:%=%.o)): \
    APP_CPPFLAGS = $(AGENT_CPPFLAGS)
$(FUZZ_TUF:%=$(BUILD)/fuzz/%): $(BUILD)/fuzz/%: $(BUILD)/fuzz/tests/fuzz/%.o $(FUZZ_TUF_CORE)
	$(call step,LINK,$@)
	$(Q)$(CC) -fsanitize=fuzzer,address,undefined -o $@ $^ -ljansson
$(BUILD)/fuzz/fuzz_restore: $(FUZZ_RESTORE)
	$(call step,LINK,$@)
	$(Q)$(CC) -fsanitize=fuzzer,address,undefined -o $@ $^ -larchive -ljansson -lpthread
FUZZ_LIST := $(patsubst %.c,$(BUILD)/fuzz/%.o,tests/fuzz/fuzz_list.c $(COMMON_SRC) \
             $(addprefix agent-static/,snapshot/list.c snapshot/list_write.c snapshot/index.c snapshot/compress.c \
             backup/report.c))
$(BUILD)/fuzz/fuzz_list: $(FUZZ_LIST)
	$(call step,LINK,$@)
	$(Q)$(CC) -fsanitize=fuzzer,address,undefined -o $@ $^ -lzstd -lz -ljansson -lpthread
FUZZ_TRIAL := $(patsubst %.c,$(BUILD)/fuzz/%.o,tests/fuzz/fuzz_trial.c $(COMMON_SRC) \
              agent-static/launcher/state.c agent-static/update/swap_text.c)
$(BUILD)/fuzz/fuzz_trial: $(FUZZ_TRIAL)
	$(call step,LINK,$@)
	$(Q)$(CC) -fsanitize=fuzzer,address,undefined -o $@ $^ -ljansson

# Debian packages that the tests take beside those of running.
TEST_PACKAGES = age python3-xxhash libcmocka-dev python3-pytest python3-cryptography python3-yaml python3-jsonschema python3-requests \
                chromium qemu-user-static attr acl zstd libzstd-dev clang libclang-rt-14-dev libarchive-dev clang-format \
                clang-tidy cppcheck shellcheck sqlite3 openssl faketime python3-securesystemslib systemd-container \
                python3-swift python3-boto3

.PHONY: test deps-test build-test unit unit-programs api agent e2e web asan-test check fuzz
test: build-test ## install what the tests need, build everything, run every test
	@tests/run
deps-test: deps-run ## install what the tests take
	$(call install_packages,$(TEST_PACKAGES))

build-test: deps-test
	@[ -e $(DEPS)/$(NATIVE)/.done ] || echo "building the agent's libraries; this takes a few minutes, once"
	@$(MAKE) --no-print-directory -j$$(nproc) agent-native
	@$(MAKE) --no-print-directory -j$$(nproc) agents $(BUILD)/muster-app $(BUILD)/www unit-programs $(UPDATE_DRIVER) $(AGE_DRIVER) $(SNAPSHOT_DRIVER) \
	    $(STORE_DRIVER) $(FAKES) $(TEST_RELEASES) tuf-client $(WEB_TEST_DEPS)

unit-programs: $(UNIT_PROGRAMS) $(AGENT_UNIT_PROGRAMS)
unit: unit-programs ## run the unit tests
	@tests/run unit
api: $(STORE_DRIVER) $(BUILD)/muster-app $(BUILD)/www ## run the tests of the API
	@tests/run api
agent: agents tuf-client $(UPDATE_DRIVER) $(AGE_DRIVER) $(SNAPSHOT_DRIVER) $(FAKES) $(BUILD)/muster-app $(BUILD)/www $(TEST_RELEASES) ## run the tests of the agent
	@tests/run agent
e2e: agent-native $(STORE_DRIVER) $(BUILD)/muster-app $(BUILD)/www ## run the tests from end to end
	@tests/run e2e
web: agent-native $(BUILD)/muster-app $(BUILD)/www $(WEB_TEST_DEPS) ## run the tests of the pages in a browser
	@tests/run web

asan-test: deps-test ## run unit and API tests with AddressSanitizer and UBSan
	@$(MAKE) --no-print-directory -j$$(nproc) $(BUILD)/asan/muster-app $(ASAN_STORE_DRIVER) $(ASAN_PROGRAMS) $(BUILD)/www
	@MUSTER_TEST_UNIT=$(BUILD)/asan/unit MUSTER_TEST_APP=$(BUILD)/asan/muster-app tests/run unit api

check: deps-test ## have the analyzers read the code
	@$(MAKE) --no-print-directory -j$$(nproc) $(GEN)/statements.h $(DEPS)/$(NATIVE)/.done
	@tests/check

fuzz: deps-test ## feed each parser random bytes (FUZZ_SECONDS=20 each)
	@$(MAKE) --no-print-directory -j$$(nproc) $(FUZZ_PROGRAMS)
	@tests/fuzz/run $(FUZZ_SECONDS) $(FUZZ_PROGRAMS)

# --- housekeeping ----------------------------------------------------------------------------------------------------

.PHONY: help clean
help: ## show this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

clean: ## remove what was built; var/ stays
	rm -rf $(BUILD)

-include $(shell find $(BUILD) -type f -name '*.d' -not -path '$(DEPS)/*' 2>/dev/null)

# --- the pages -------------------------------------------------------------------------------------------------------

# Static files and two npm packages laid side by side; there is no bundler. npm works under build/, so that the source
# tree stays clean, and only when the lock has changed.
NPM := $(BUILD)/npm
WWW_SRC := $(shell find nginx/www -type f)

$(NPM)/.done: nginx/package.json nginx/package-lock.json nginx/.npmrc
	@mkdir -p $(NPM)
	cp $^ $(NPM)/
	cd $(NPM) && npm ci --ignore-scripts --no-audit --no-fund
	@touch $@

# What the tests of the pages need; npm writes the file that stands for it.
WEB_TEST_DEPS := tests/web/node_modules/.package-lock.json
$(WEB_TEST_DEPS): tests/web/package.json tests/web/package-lock.json tests/web/.npmrc
	cd tests/web && npm ci --ignore-scripts --no-audit --no-fund
	@touch $@

# Laid out beside and swapped in, so that a running nginx never serves half of it.
$(BUILD)/www: $(NPM)/.done $(WWW_SRC) docs/openapi.yaml nginx/preload.mjs
	rm -rf $@.new && mkdir -p $@.new/vendor
	cp -r nginx/www/. $@.new/
	cp $(NPM)/node_modules/htm/preact/standalone.module.js $@.new/vendor/preact.js
	cp $(NPM)/node_modules/@picocss/pico/css/pico.min.css $@.new/vendor/pico.css
	{ cat $(NPM)/node_modules/uplot/dist/uPlot.iife.min.js; echo 'export default uPlot;'; } >$@.new/vendor/uplot.js
	cp $(NPM)/node_modules/swagger-ui-dist/swagger-ui-bundle.js $@.new/vendor/swagger-ui.js
	cp $(NPM)/node_modules/swagger-ui-dist/swagger-ui.css $@.new/vendor/swagger-ui.css
	cp docs/openapi.yaml $@.new/docs/openapi.yaml
	node nginx/preload.mjs $@.new
	find $@.new -type f -exec gzip -9 --keep --no-name {} +
	rm -rf $@ && mv $@.new $@
	@touch $@

# --- running it ------------------------------------------------------------------------------------------------------

# Debian packages that building and running take; the agent's libraries add theirs. On arm64 the cross compiler goes the
# other way.
RUN_PACKAGES := nginx curl lld libfcgi-dev libssl-dev libsqlite3-dev libjansson-dev libargon2-dev libzstd-dev libxxhash-dev \
                libglib2.0-dev tzdata libcurl4-openssl-dev libexpat1-dev liboath-dev \
                libqrencode-dev libfido2-dev libjwt-dev $(if $(shell command -v npm),,npm) \
                $(shell sed -e 's/\#.*//' $(if $(filter arm64,$(NATIVE)),\
                    -e 's/gcc-aarch64-linux-gnu/gcc-x86-64-linux-gnu/' -e 's/-arm64-cross/-amd64-cross/') \
                    agent-static/deps/packages.txt)

# install_packages LIST: those that are missing, if any.
define install_packages
@missing=$$(for p in $(1); do \
    [ "$$(dpkg-query -W -f='$${db:Status-Status}' $$p 2>/dev/null)" = installed ] || echo $$p; done); \
[ -z "$$missing" ] && exit 0; \
if [ "$$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null; then \
    echo "make $@: these packages are missing; install them as root:" $$missing >&2; exit 1; fi; \
as_root=$$([ "$$(id -u)" -eq 0 ] || echo sudo); \
echo "installing" $$missing; \
$$as_root apt-get -qq update && \
$$as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends -o Dpkg::Use-Pty=0 $$missing
endef

.PHONY: run up down status demo-update deps-run build-run
run: build-run ## build and run everything in the foreground; Ctrl-C takes it down
	@nginx/stack run
up: build-run ## the same in the background
	@nginx/stack up
down: ## take everything down
	@nginx/stack down
status: ## show what is up
	@nginx/stack status
demo-update: build-run ## roll a next version of the agent out to this machine's, and show each step
	+@nginx/demo-update

deps-run: ## install what building and running take
	$(call install_packages,$(RUN_PACKAGES))

# The agent first: its libraries take longest. In a make of its own, since the packages may have come a moment ago.
build-run: deps-run
	@[ -e $(DEPS)/$(NATIVE)/.done ] || echo "building the agent's libraries; this takes a few minutes, once"
	@$(MAKE) --no-print-directory -j$$(nproc) agent-native
	@$(MAKE) --no-print-directory -j$$(nproc) $(BUILD)/muster-app $(BUILD)/www

# --- installing ------------------------------------------------------------------------------------------------------

DESTDIR ?=
AGENT_BUILT := $(BUILD)/$(NATIVE)/muster-agent $(BUILD)/$(NATIVE)/muster-launcher

# Programs, pages, nginx's templates, units, manual pages, and a configuration file with every key and its default.
# Configuration that is there already stays. The agent has a directory of its own, since an update goes beside it; what
# is installed from here ends whatever an update has left there.
.PHONY: install
install: $(BUILD)/muster-app $(AGENT_BUILT) $(BUILD)/www man ## install under DESTDIR
	install -d $(addprefix $(DESTDIR)/,usr/bin usr/lib/muster usr/share/muster/nginx/conf usr/share/man/man8 \
	    lib/systemd/system usr/lib/sysusers.d etc/logrotate.d)
	install -d -m 755 $(DESTDIR)/etc/muster
	install -m 755 $(BUILD)/muster-app $(DESTDIR)/usr/bin/
	rm -f $(DESTDIR)/usr/lib/muster/muster-agent.*
	install -m 755 $(AGENT_BUILT) $(DESTDIR)/usr/lib/muster/
	ln -sf ../lib/muster/muster-agent ../lib/muster/muster-launcher $(DESTDIR)/usr/bin/
	rm -rf $(DESTDIR)/usr/share/muster/www
	cp -r --no-preserve=ownership $(BUILD)/www $(DESTDIR)/usr/share/muster/www
	chmod -R u=rwX,go=rX $(DESTDIR)/usr/share/muster/www
	install -m 755 nginx/render $(DESTDIR)/usr/share/muster/nginx/
	install -m 644 nginx/conf/*.conf.in $(DESTDIR)/usr/share/muster/nginx/conf/
	install -m 644 nginx/systemd/*.service $(DESTDIR)/lib/systemd/system/
	install -m 644 nginx/systemd/muster.sysusers $(DESTDIR)/usr/lib/sysusers.d/muster.conf
	install -m 644 nginx/systemd/muster.logrotate $(DESTDIR)/etc/logrotate.d/muster
	install -m 644 $(BUILD)/man/*.8 $(DESTDIR)/usr/share/man/man8/
	env -i $(BUILD)/muster-app check-config --config /dev/null | \
	    sed 's/^[A-Z]/#&/; s/ (default)$$//' > $(BUILD)/app.conf
	[ -e $(DESTDIR)/etc/muster/app.conf ] || install -m 644 $(BUILD)/app.conf $(DESTDIR)/etc/muster/app.conf

.PHONY: sbom
sbom: agents $(BUILD)/muster-app $(BUILD)/www ## write what is inside into build/sbom.spdx.json
	nginx/sbom $(VERSION) $(DEPS) $(NPM) $(WORDS) > $(BUILD)/sbom.spdx.json
