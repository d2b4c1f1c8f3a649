# Makes one static library out of a list of sources, for libraries whose own build would do much more.
# SRCS are relative to the working directory; FAST are base names of sources worth -O2, the rest is -Os.
OBJS := $(notdir $(addsuffix .o,$(basename $(SRCS))))
vpath %.c $(sort $(dir $(SRCS)))
vpath %.S $(sort $(dir $(SRCS)))

$(LIB): $(OBJS)
	rm -f $@ && $(AR) rcsD $@ $^

OPT := -Os
$(addsuffix .o,$(FAST)): OPT := -O2

%.o: %.c
	$(CC) $(OPT) $(CFLAGS) -c $< -o $@
%.o: %.S
	$(CC) $(CFLAGS) -c $< -o $@
