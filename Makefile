# scribefs: build, install, dependencies, tests.
#
#   make            the programs, in build/
#   make demo       install what is missing, mount, transcribe a recording, show the result   [AUDIO=file]
#   make test       install what tests need and run everything; test-unit, test-mount, test-crash, test-asan, test-tsan: a part
#   make soak       the long tests; make interop-full: Samba's own test suite and a file manager's window
#   make screenshots  pictures of what people see, in build/screenshots
#   make install    PREFIX=/usr/local DESTDIR=; make uninstall
#   make deb        Debian packages, in build/deb; make test-deb installs and tries them in a tree of its own

BUILD    ?= build
PREFIX   ?= /usr/local
SANITIZE ?=
CC       ?= cc
SUDO     ?= $(if $(filter 0,$(shell id -u)),,sudo)

WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wwrite-strings \
            -Wundef -Wformat=2 -Wvla -Wnull-dereference
CFLAGS   ?= -O2 -g
HARDEN   := $(if $(SANITIZE),,-D_FORTIFY_SOURCE=2) -fstack-protector-strong -fPIE
# Short lines unless V=1.
Q        := $(if $(V),,@)
SAY       = $(if $(V),@:,@echo "  $(1)  $(patsubst $(BUILD)/%,%,$@)")
override CFLAGS += -std=gnu11 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -DFUSE_USE_VERSION=312 -I. $(WARNINGS) $(HARDEN) \
            -fno-common -pthread -MMD -MP $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-omit-frame-pointer)
LDFLAGS  += -pie -pthread -Wl,-z,relro,-z,now $(if $(SANITIZE),-fsanitize=$(SANITIZE))

# Names of pkg-config packages, per program.
BASE_PKGS   := libcjson libcrypto
DAEMON_PKGS := fuse3 libzip icu-uc sqlite3 inih libcurl libmicrohttpd $(BASE_PKGS)
CTL_PKGS    := libcjson icu-uc
WORKER_PKGS := libavformat libavcodec libavutil libswresample libseccomp pocketsphinx libcjson
cflags = $(shell pkg-config --cflags $(1) 2>/dev/null)
libs   = $(shell pkg-config --libs $(1) 2>/dev/null)

BASE_SRC      := $(wildcard backend/base/*.c)
BACKEND_SRC   := $(BASE_SRC) $(wildcard backend/*.c backend/local/*.c backend/publish/*.c backend/dashscope/*.c backend/openai/*.c)
CACHE_SRC     := $(wildcard cache/*.c cache/render/*.c)
# The parts of the .html view that are files of their own; each becomes an array in C.
PAGE_PARTS    := $(wildcard cache/render/page/transcript.*)
FS_SRC        := $(filter-out fs/main.c,$(wildcard fs/*.c fs/library/*.c fs/inbox/*.c fs/jobs/*.c fs/hooks/*.c)) \
                 $(filter-out fs/mount/announcer_main.c,$(wildcard fs/mount/*.c))
WORKER_SRC    := $(wildcard backend/worker/*.c) $(BASE_SRC) $(wildcard backend/transcript*.c)
CTL_SRC       := $(wildcard fs/ctl/*.c) $(BASE_SRC) fs/control_json.c fs/control_spent.c fs/mountinfo.c fs/program.c \
                 $(addprefix fs/inbox/,status.c status_parts.c names.c messages.c spent.c confirm.c wording.c) \
                 $(addprefix cache/render/,lint.c lint_read.c cue_rules.c language.c language_break.c language_words.c text.c)
ANNOUNCER_SRC := fs/mount/announcer_main.c

PROGRAMS := $(BUILD)/scribefs $(BUILD)/scribectl $(BUILD)/libexec/worker $(BUILD)/libexec/announcer
# Languages other than English: fs/po/LANGUAGE.po, for fs/inbox/wording.c.
CATALOGUES := $(patsubst fs/po/%.po,$(BUILD)/locale/%/LC_MESSAGES/scribefs.mo,$(wildcard fs/po/*.po))
obj = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))
page_obj = $(patsubst %,$(BUILD)/obj/%.o,$(PAGE_PARTS))

.PHONY: all clean install deps vosk demo
all: $(PROGRAMS) $(CATALOGUES)

$(BUILD)/libcore.a: $(call obj,$(BACKEND_SRC) $(CACHE_SRC) $(FS_SRC)) $(page_obj)
	@rm -f $@ && ar rcs $@ $^
$(BUILD)/scribefs: $(BUILD)/obj/fs/main.o $(BUILD)/libcore.a
	$(call SAY,LD)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(call libs,$(DAEMON_PKGS)) -lunistring -lm
$(BUILD)/scribectl: $(call obj,$(CTL_SRC))
	$(call SAY,LD)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(call libs,$(CTL_PKGS)) -lunistring
$(BUILD)/libexec/worker: $(call obj,$(WORKER_SRC))
	@mkdir -p $(@D)
	$(call SAY,LD)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(call libs,$(WORKER_PKGS)) -lm -ldl
$(BUILD)/libexec/announcer: $(call obj,$(ANNOUNCER_SRC))
	@mkdir -p $(@D)
	$(call SAY,LD)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^

$(BUILD)/locale/%/LC_MESSAGES/scribefs.mo: fs/po/%.po
	@mkdir -p $(@D)
	$(call SAY,MSGFMT)
	$(Q)msgfmt --check-format --check-domain -o $@ $<

# After a text in the program was changed: brings fs/po/*.po up to date, where a translator goes on.
SAID_SRC := $(wildcard fs/*.c fs/inbox/*.c fs/ctl/*.c fs/mount/*.c fs/library/*.c)
XGETTEXT := xgettext -s --no-wrap --omit-header --no-location --from-code=UTF-8 --language=C -k \
            -k_ -ksay:2 -ksay_in:2c,3 -ksay_count:2,3 -kSAID -kSAID_IN:1c,2
pot:
	@mkdir -p $(BUILD)
	$(XGETTEXT) -o $(BUILD)/scribefs.pot $(SAID_SRC)
po: pot
	for po in fs/po/*.po; do msgmerge -q -s --no-wrap --no-fuzzy-matching $$po $(BUILD)/scribefs.pot | \
		msgattrib --no-wrap -s --no-obsolete -o $$po || exit; done
.PHONY: po pot

ALL_CFLAGS = $(CFLAGS) $(PKG_CFLAGS)
PKG_CFLAGS := $(call cflags,$(DAEMON_PKGS) $(WORKER_PKGS))
$(BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(call SAY,CC)
	$(Q)$(CC) $(ALL_CFLAGS) -c -o $@ $<

# cache/render/page/transcript.css is the array page_transcript_css, and so on.
$(BUILD)/obj/cache/render/page/%.c: cache/render/page/%
	@mkdir -p $(@D)
	$(call SAY,GEN)
	$(Q){ echo '#include "cache/render/page/page.h"'; \
		echo 'const char page_$(subst .,_,$(*F))[] = {'; \
		od -An -v -to1 $< | sed "s/ *\([0-7]\{3\}\)/'\\\\\1',/g"; echo "0};"; } >$@.new && mv $@.new $@
$(BUILD)/obj/cache/render/page/%.o: $(BUILD)/obj/cache/render/page/%.c
	$(call SAY,CC)
	$(Q)$(CC) $(ALL_CFLAGS) -c -o $@ $<

# Unit tests: one program per file.
UNIT_SRC := $(wildcard tests/unit/test_*.c)
UNIT     := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(UNIT_SRC))
$(BUILD)/unit/%: $(BUILD)/obj/tests/unit/%.o $(BUILD)/libcore.a
	@mkdir -p $(@D)
	$(call SAY,LD)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(call libs,$(DAEMON_PKGS) cmocka) -lunistring -lm
unit-programs: $(UNIT) $(CATALOGUES)
# The subtitles of tests/golden/subtitles/ anew, when a change of their rules is meant.
golden: $(BUILD)/unit/test_subtitles
	GOLDEN_WRITE=1 $<
.PHONY: unit-programs golden
.SECONDARY:

# ---- Dependencies: Debian packages, asked for only when something is missing, and the recogniser from npm -------------------

BUILD_DEPS := gcc libc6-dev make pkg-config libfuse3-dev libsqlite3-dev libcjson-dev libinih-dev libssl-dev libunistring-dev libicu-dev \
              libavformat-dev libavcodec-dev libavutil-dev libswresample-dev libseccomp-dev libpocketsphinx-dev uthash-dev \
              libcurl4-openssl-dev libmicrohttpd-dev libzip-dev gettext
RUN_DEPS   := fuse3 pocketsphinx-en-us libstdc++6 ca-certificates
DEMO_DEPS  := pocketsphinx-testdata
TEST_DEPS  := $(DEMO_DEPS) bats libcmocka-dev python3 procps ffmpeg sox libsox-fmt-base rsync inotify-tools attr jq vim-tiny nano \
              bsdextrautils util-linux curl openssl acl btrfs-progs libglib2.0-bin samba samba-vfs-modules smbclient samba-testsuite \
              python3-jsonschema python3-pydantic python3-pysrt python3-webvtt chromium zsh
# What the tests of a file manager's window need besides; without it they are skipped.
WINDOW_DEPS := thunar gvfs gvfs-daemons dbus dbus-bin xvfb xdotool imagemagick adwaita-icon-theme
# npm only where the recogniser in it can be used and no npm is on the PATH already.
NPM_DEPS   := $(if $(filter x86_64,$(shell uname -m)),$(if $(shell command -v npm 2>/dev/null),,npm))

APT_GET := $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get
# $(call packages,NAMES): installs those that dpkg does not have.
define packages
@missing=$$(for name in $(1); do \
	dpkg-query -W -f '$${db:Status-Status}\n' $$name 2>/dev/null | grep -qx installed || echo $$name; done); \
if [ -n "$$missing" ]; then \
	command -v apt-get >/dev/null || { echo "Please install these Debian packages, or what they hold: $$missing"; exit 1; }; \
	echo "Installing from Debian:" $$missing; \
	{ $(APT_GET) -qq update || echo "The package lists could not be renewed; trying with the old ones."; } && \
	$(APT_GET) -qq -y --no-install-recommends install $$missing; \
fi
endef

deps: build-deps vosk
build-deps:
	$(call packages,$(BUILD_DEPS) $(RUN_DEPS))
# Without npm, or on another processor, PocketSphinx from Debian does the work: that is no error.
vosk:
	@if ! [ -e build/vosk/.stamp ] && [ -n "$(NPM_DEPS)" ]; then \
		echo "Installing from Debian: npm"; \
		$(APT_GET) -qq -y --no-install-recommends install npm || echo "npm could not be installed."; \
	fi
	@sh backend/local/get-vosk.sh build/vosk || \
		echo "Going on without Vosk: PocketSphinx, from Debian, does the recognising, with three times as many errors. \
	'make vosk' tries again."
test-deps: deps
	$(call packages,$(TEST_DEPS))
.PHONY: build-deps test-deps

# ---- Demo -------------------------------------------------------------------------------------------------------------------

# What was missing when make read this file (pkg-config, say) is there only for the next make: hence the recursion.
AUDIO ?=
PARALLEL = $(if $(findstring -j,$(MAKEFLAGS)),,-j$(shell nproc))
demo: deps
	$(if $(AUDIO),,$(call packages,$(DEMO_DEPS)))
	@$(MAKE) --no-print-directory $(PARALLEL) all
	@BUILD=$(BUILD) bash fs/ctl/demo.sh "$(AUDIO)"

# ---- Tests: tests/run says what a suite is ----------------------------------------------------------------------------------

ASAN := BUILD=build/asan SANITIZE=address,undefined CFLAGS='-O1 -g'
TSAN := BUILD=build/tsan SANITIZE=thread CFLAGS='-O1 -g'
programs = @$(MAKE) --no-print-directory $(PARALLEL) $(1) all unit-programs emulator render

test: test-deps
	$(call programs)
	$(call programs,$(ASAN))
	$(call programs,$(TSAN))
	tests/run unit mount crash cloud interop mount:core+user unit@build/asan mount:core@build/asan mount:core@build/tsan
test-unit: test-deps
	$(call programs)
	tests/run unit
test-mount: test-deps
	$(call programs)
	tests/run mount
test-crash: test-deps
	$(call programs)
	tests/run crash
test-cloud: test-deps
	$(call programs)
	tests/run cloud
test-interop: test-deps
	$(call programs)
	tests/run interop
test-asan: test-deps
	$(call programs,$(ASAN))
	tests/run unit@build/asan mount@build/asan crash@build/asan
test-tsan: test-deps
	$(call programs,$(TSAN))
	tests/run unit@build/tsan mount@build/tsan crash@build/tsan
soak: test-deps
	$(call programs)
	tests/run soak
# File managers and Samba at length: a window on a screen of its own, and all of smbtorture that concerns the disk below.
interop-full: test-deps
	$(call packages,$(WINDOW_DEPS))
	$(call programs)
	INTEROP_FULL=1 TEST_TIME_FACTOR=15 tests/run -j 1 -o 'samba|gio|window' interop
.PHONY: test test-unit test-mount test-crash test-cloud test-interop test-asan test-tsan soak interop-full

# ---- Installation -----------------------------------------------------------------------------------------------------------

INSTALL  ?= install
ROOT_DIR  = $(DESTDIR)$(PREFIX)
MAN_PAGES = $(wildcard man/*.[1-9])
# Debian's packages have a directory of their own for zsh.
ZSH_DIR   = $(PREFIX)/share/zsh/site-functions
# systemd looks here for PREFIX=/usr and for PREFIX=/usr/local.
UNIT_DIR  = $(ROOT_DIR)/lib/systemd

install: all
	$(INSTALL) -d $(ROOT_DIR)/bin $(ROOT_DIR)/libexec/scribefs
	$(INSTALL) $(BUILD)/scribefs $(BUILD)/scribectl $(ROOT_DIR)/bin/
	$(INSTALL) $(BUILD)/libexec/worker $(BUILD)/libexec/announcer $(ROOT_DIR)/libexec/scribefs/
	$(INSTALL) -d $(UNIT_DIR)/system $(UNIT_DIR)/user
	sed 's|@BINDIR@|$(PREFIX)/bin|' fs/systemd/scribefs@.service >$(UNIT_DIR)/system/scribefs@.service
	sed 's|@BINDIR@|$(PREFIX)/bin|' fs/systemd/scribefs.service >$(UNIT_DIR)/user/scribefs.service
	chmod 644 $(UNIT_DIR)/system/scribefs@.service $(UNIT_DIR)/user/scribefs.service
	$(INSTALL) -D -m 644 man/scribefs-1.schema.json $(ROOT_DIR)/share/scribefs/scribefs-1.schema.json
	$(INSTALL) -D -m 644 fs/ctl/completion/scribectl.bash $(ROOT_DIR)/share/bash-completion/completions/scribectl
	$(INSTALL) -D -m 644 fs/ctl/completion/_scribectl $(DESTDIR)$(ZSH_DIR)/_scribectl
	for page in $(MAN_PAGES); do $(INSTALL) -D -m 644 $$page $(ROOT_DIR)/share/man/man$${page##*.}/$${page##*/} || exit; done
	for mo in $(CATALOGUES:$(BUILD)/%=%); do $(INSTALL) -D -m 644 $(BUILD)/$$mo $(ROOT_DIR)/share/$$mo || exit; done
	$(INSTALL) -d $(ROOT_DIR)/share/doc/scribefs/examples
	$(INSTALL) fs/hooks/examples/* $(ROOT_DIR)/share/doc/scribefs/examples/
	if [ -e build/vosk/.stamp ]; then \
		$(INSTALL) -d $(ROOT_DIR)/lib/scribefs/vosk && \
		cp -R build/vosk/lib build/vosk/model $(ROOT_DIR)/lib/scribefs/vosk/ && \
		chmod -R u=rwX,go=rX $(ROOT_DIR)/lib/scribefs; \
	fi
uninstall:
	rm -f $(ROOT_DIR)/bin/scribefs $(ROOT_DIR)/bin/scribectl
	rm -f $(foreach page,$(MAN_PAGES),$(ROOT_DIR)/share/man/man$(subst .,,$(suffix $(page)))/$(notdir $(page)))
	rm -f $(ROOT_DIR)/share/bash-completion/completions/scribectl $(DESTDIR)$(ZSH_DIR)/_scribectl
	rm -f $(UNIT_DIR)/system/scribefs@.service $(UNIT_DIR)/user/scribefs.service
	rm -f $(patsubst $(BUILD)/%,$(ROOT_DIR)/share/%,$(CATALOGUES))
	rm -rf $(ROOT_DIR)/libexec/scribefs $(ROOT_DIR)/lib/scribefs $(ROOT_DIR)/share/scribefs $(ROOT_DIR)/share/doc/scribefs
.PHONY: uninstall

# ---- Debian packages ----------------------------------------------------------------------------------------------------------

DEB_DEPS := dpkg-dev debhelper lintian
deb: deps
	$(call packages,$(DEB_DEPS))
	fs/debian/build build/deb
	lintian --allow-root --fail-on error,warning build/deb/*.changes
# The packages, and README's first command, in a Debian 12 that has nothing else. For root; some ten minutes.
test-deb: deb
	$(call packages,debootstrap $(DEMO_DEPS) bats)
	[ -d build/deb-tree ] || { rm -rf build/deb-tree.new && \
		$(SUDO) debootstrap --variant=minbase bookworm build/deb-tree.new $$(bash tests/lib/apt_source | cut -d ' ' -f 2) && \
		mv build/deb-tree.new build/deb-tree; }
	$(SUDO) tests/run -j 1 deb
.PHONY: deb test-deb

-include $(shell [ -d $(BUILD)/obj ] && find $(BUILD)/obj -name '*.d')

clean:
	rm -rf $(BUILD)

# ---- the emulator: Model Studio on loopback, for tests ----
EMULATOR_PKGS := libmicrohttpd libcurl libcjson libcrypto
EMULATOR_SRC  := $(wildcard tests/emulator/*.c) $(BASE_SRC) $(wildcard backend/transcript*.c)
$(BUILD)/tests/emulator: $(call obj,$(EMULATOR_SRC))
	@mkdir -p $(@D)
	$(call SAY,LD)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(call libs,$(EMULATOR_PKGS))
emulator: $(BUILD)/tests/emulator
.PHONY: emulator
# Its signatures have a unit test.
$(BUILD)/unit/test_emulator_sign: $(call obj,tests/emulator/sign.c tests/emulator/text.c tests/emulator/memory.c backend/base/buffer.c)

# ---- a program for tests that writes one view ----
$(BUILD)/tests/render: $(BUILD)/obj/tests/render/render.o $(BUILD)/libcore.a
	@mkdir -p $(@D)
	$(call SAY,LD)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(call libs,$(DAEMON_PKGS)) -lunistring -lm
render: $(BUILD)/tests/render
.PHONY: render

# Pictures of what people see, to look at after a change. README shows some: man/page.png, man/status.png, and inbox-after as man/inbox.png.
screenshots: test-deps
	$(call packages,$(WINDOW_DEPS) xterm fonts-dejavu-core)
	$(call programs)
	bash tests/lib/mount_pictures $(BUILD) $(BUILD)/screenshots
	/usr/bin/python3 -B tests/lib/page_pictures.py $(BUILD)/tests/render $(BUILD)/screenshots
.PHONY: screenshots
