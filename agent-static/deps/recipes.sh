# Sourced by build: how each library is built. A build_* function runs in a fresh directory of its own with
# $tree (the unpacked source; shared, so never written to), $prefix, $triplet, $cpu and $jobs set, and set -e
# on. All are compiled by the prefix's own muster-cc, once musl is there.

# The linker can leave out unused functions; nothing here throws or unwinds, so no tables for it. __FILE__
# and debug paths are cut, so that a checkout's place does not reach the binary.
common_flags="-fPIE -ffunction-sections -fdata-sections -fstack-protector-strong -fstack-clash-protection
	-fno-asynchronous-unwind-tables -fno-unwind-tables -fno-ident -g0"

flags() { echo "$common_flags -ffile-prefix-map=$tree=/src -ffile-prefix-map=$PWD=/obj $*" | tr -s '\n\t ' ' '; }

# Debian's date of this version of the source, should anything ask for the time.
source_date() { SOURCE_DATE_EPOCH=$(dpkg-parsechangelog -l "$tree/debian/changelog" -STimestamp); export SOURCE_DATE_EPOCH; }

install_headers() { local to=$prefix/include/$1; shift; mkdir -p "$to"; install -m 644 "$@" "$to/"; }

install_licence() { mkdir -p "$prefix/share/licenses"; install -m 644 "$tree/debian/copyright" "$prefix/share/licenses/$1"; }

# make_archive LIBRARY FAST CFLAGS SOURCE...: sources are given relative to ./src, a link to the tree.
make_archive() {
	local lib=$1 fast=$2 cflags=$3
	shift 3
	make -f "$here/archive.mk" -j "$jobs" LIB="$lib" FAST="$fast" SRCS="$*" CC="$prefix/bin/muster-cc" \
		AR="$triplet-ar" CFLAGS="$cflags"
	mkdir -p "$prefix/lib"
	install -m 644 "$lib" "$prefix/lib/"
}

cmake_build() { # cmake_build TARGET OPTION...
	local target=$1
	shift
	cmake -S "$tree" -B . -DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR="$cpu" \
		-DCMAKE_C_COMPILER="$prefix/bin/muster-cc" -DCMAKE_AR="/usr/bin/$triplet-ar" -DCMAKE_RANLIB="/usr/bin/$triplet-ranlib" \
		-DCMAKE_FIND_ROOT_PATH="$prefix" -DCMAKE_FIND_ROOT_PATH_MODE_PROGRAM=NEVER -DCMAKE_FIND_ROOT_PATH_MODE_LIBRARY=ONLY \
		-DCMAKE_FIND_ROOT_PATH_MODE_INCLUDE=ONLY -DCMAKE_FIND_ROOT_PATH_MODE_PACKAGE=ONLY -DCMAKE_INSTALL_PREFIX="$prefix" \
		-DCMAKE_INSTALL_LIBDIR=lib -DCMAKE_BUILD_TYPE=None -DCMAKE_C_FLAGS="$(flags -Os ${extra_flags-})" -DBUILD_SHARED_LIBS=OFF "$@"
	cmake --build . --target "$target" --parallel "$jobs"
}

# The compiler wrapper and the kernel's headers, which musl does not bring.
build_toolchain() {
	mkdir -p "$prefix/bin" "$prefix/lib" "$prefix/include"
	sed "s/@CC@/$triplet-gcc/" "$here/muster-cc" >"$prefix/bin/muster-cc"
	chmod 755 "$prefix/bin/muster-cc"
	install -m 644 "$here/muster.specs" "$prefix/lib/"
	cp -RL "$kernel_headers/linux" "$kernel_headers/asm-generic" "$kernel_asm" "$prefix/include/"
}

build_musl() {
	source_date
	"$tree/configure" --prefix="$prefix" --syslibdir="$prefix/lib" --target="$cpu" CROSS_COMPILE="$triplet-" CC="$triplet-gcc" \
		--disable-shared --disable-wrapper CFLAGS="$(flags)"
	make -j "$jobs"
	make install-libs install-headers
	install_licence musl
}

build_zlib() {
	source_date
	ln -sfn "$tree" src
	sed 's/^#ifdef HAVE_UNISTD_H/#if 1/' src/zconf.h >zconf.h # what its configure does, for off_t in zlib.h
	make_archive libz.a 'adler32 crc32 deflate inffast inflate inftrees trees' "$(flags -I. -Isrc -DHAVE_HIDDEN)" \
		src/{adler32,compress,crc32,deflate,infback,inffast,inflate,inftrees,trees,uncompr,zutil}.c
	install_headers . src/zlib.h zconf.h
	install_licence zlib
}

# The block compressors fast and dfast come in a copy for each least length of a match, each way to look at a
# dictionary and each size of a window: 28, 67 KiB. The agent's levels (1 to 3, windows of 512 KiB and more, no
# attached dictionary) take six; the calls of the others go to the nearest of those, or store literals.
fewer_block_compressors() {
	sed -E -e '/^ZSTD_GEN_FAST_FN\(dictMatchState,|^ZSTD_GEN_FAST_FN\(noDict, [0-9], 1\)|^ZSTD_GEN_FAST_FN\([A-Za-z]+, [45], 0\)/d' \
		-e 's/(return ZSTD_compressBlock_fast_noDict_[4-7])_1\(/\1_0(/' \
		-e 's/(return ZSTD_compressBlock_fast_[A-Za-z]+)_[45]_0\(/\1_6_0(/' \
		-e 's/return ZSTD_compressBlock_fast_dictMatchState_.*;/return srcSize;/' \
		src/compress/zstd_fast.c >zstd_fast.c
	sed -E -e '/^ZSTD_GEN_DFAST_FN\(dictMatchState,|^ZSTD_GEN_DFAST_FN\([A-Za-z]+, [467]\)/d' \
		-e 's/(return ZSTD_compressBlock_doubleFast_[A-Za-z]+)_[467]\(/\1_5(/' \
		-e 's/return ZSTD_compressBlock_doubleFast_dictMatchState_.*;/return srcSize;/' \
		src/compress/zstd_double_fast.c >zstd_double_fast.c
	# Another version may be written otherwise.
	[ "$(grep -hc '^ZSTD_GEN_D\?FAST_FN(' zstd_fast.c zstd_double_fast.c | tr '\n' ' ')" = '4 2 ' ]
}

# Compression has the strategies fast and dfast, which is levels 1 to 4 (higher levels are accepted and mean
# bigger tables, 0 to 6 % worse than real ones); the others are 300 KiB. Decompression is complete. No
# threads: one core outruns any network this uploads over. Both BMI2 copies of a function is one too many
# (no difference was measured), and so are two Huffman decoders for one format, and the decoder of sequences
# for windows of more than 16 MiB.
build_zstd() {
	local strategy without='' file compress=()
	source_date
	ln -sfn "$tree/lib" src
	for strategy in GREEDY LAZY LAZY2 BTLAZY2 BTOPT BTULTRA; do without+=" -DZSTD_EXCLUDE_${strategy}_BLOCK_COMPRESSOR"; done
	fewer_block_compressors
	install -m 644 "$here/zstd_without.c" .
	for file in src/compress/*.c; do
		case ${file##*/} in
		zstd_fast.c | zstd_double_fast.c | zstd_ldm.c | zstd_compress_superblock.c) ;; # ours instead
		*) compress+=("$file") ;;
		esac
	done
	make_archive libzstd.a 'entropy_common fse_compress fse_decompress hist huf_compress huf_decompress xxhash zstd_compress_literals
		zstd_compress_sequences zstd_decompress_block zstd_double_fast zstd_fast' \
		"$(flags -Isrc -Isrc/compress -DXXH_NAMESPACE=ZSTD_ -DZSTD_LEGACY_SUPPORT=0 -DDEBUGLEVEL=0 -DDYNAMIC_BMI2=0 \
			-DHUF_FORCE_DECOMPRESS_X1 -DZSTD_FORCE_DECOMPRESS_SEQUENCES_SHORT "$without")" \
		zstd_fast.c zstd_double_fast.c zstd_without.c src/common/*.c "${compress[@]}" src/decompress/*.c src/decompress/*.S
	install_headers . src/zstd.h src/zstd_errors.h src/common/xxhash.h # the last with XXH_NAMESPACE=ZSTD_
	install_licence zstd
}

# Three libraries out of one directory, split as its own Makefile splits them.
build_mbedtls() {
	local file cflags tls=() x509=() crypto=()
	source_date
	ln -sfn "$tree" src
	mkdir -p "$prefix/include/mbedtls" "$prefix/include/psa"
	install_headers mbedtls src/include/mbedtls/*.h
	install_headers psa src/include/psa/*.h
	install -m 644 "$here/mbedtls_config.h" "$prefix/include/mbedtls/mbedtls_config.h"
	install -m 644 "$here/crypto_config.h" "$prefix/include/psa/crypto_config.h"
	install -m 644 "$here/muster_random.c" "$here/sha256_block.c" "$here/chacha20_wide.c" .
	for file in src/library/*.c; do
		case ${file##*/} in
		debug.c | mps_*.c | net_sockets.c | ssl_*.c) tls+=("$file") ;;
		pkcs7.c | x509*.c) x509+=("$file") ;;
		chacha20.c) ;; # ours instead
		*) crypto+=("$file") ;;
		esac
	done
	cflags=$(flags -Isrc/library)
	make_archive libmbedcrypto.a 'aes aesce aesni bignum_core chacha20_wide chachapoly ecp_curves gcm poly1305 sha256 sha256_block sha512' \
		"$cflags" muster_random.c sha256_block.c chacha20_wide.c "${crypto[@]}"
	make_archive libmbedx509.a '' "$cflags" "${x509[@]}"
	make_archive libmbedtls.a '' "$cflags" "${tls[@]}"
	install_licence mbedtls
}

build_jansson() {
	source_date
	cmake_build jansson -DJANSSON_BUILD_DOCS=OFF -DJANSSON_WITHOUT_TESTS=ON -DJANSSON_EXAMPLES=OFF
	install -m 644 lib/libjansson.a "$prefix/lib/"
	install_headers . include/*.h
	install_licence jansson
}

# attr and acl: the libraries alone. Their configure finds out about gettext, libtool and a dozen headers
# for the sake of command line tools we do not want; the libraries use none of it.
write_config_h() { # write_config_h PACKAGE
	cat >config.h <<-EOF
		#define _GNU_SOURCE 1
		#define EXPORT extern
		#define PACKAGE "$1"
		#define HAVE_ATTR_ERROR_CONTEXT_H 1
		#define HAVE_LIBATTR 1
	EOF
}

install_exported() { # install_exported DIR HEADER...: as their own install does
	local to=$prefix/include/$1 file
	shift
	mkdir -p "$to"
	for file; do sed "s/\\<EXPORT\\>/extern/" "src/include/$file" >"$to/$file"; done
}

build_attr() {
	source_date
	ln -sfn "$tree" src
	write_config_h attr
	install_exported attr attributes.h error_context.h libattr.h
	# Not syscalls.c: it keeps old symbol versions of calls that live in the C library.
	make_archive libattr.a '' "$(flags -I. -Isrc/include -include src/libattr/libattr.h '-DSYSCONFDIR=\"/etc\"')" \
		src/libattr/{attr_copy_action,attr_copy_check,attr_copy_fd,attr_copy_file,libattr}.c
	install_licence attr
}

build_acl() {
	source_date
	ln -sfn "$tree" src
	write_config_h acl
	install_exported sys acl.h
	install_exported acl libacl.h
	make_archive libacl.a '' "$(flags -I. -Isrc/include -Isrc/libacl -include src/libacl/perm_copy.h)" \
		src/libacl/*.c src/libmisc/{high_water_alloc,next_line,quote,unquote}.c
	install_licence acl
}

build_libarchive() {
	local found extra_flags="-include $here/archive_composition.h"
	source_date
	cmake_build archive_static -DENABLE_ACL=ON -DENABLE_XATTR=ON -DENABLE_ZLIB=ON -DENABLE_ZSTD=ON \
		-DENABLE_{BZip2,LZMA,LZ4,LZO,LIBB2,LIBXML2,EXPAT,OPENSSL,NETTLE,MBEDTLS,CNG,ICONV}=OFF \
		-DENABLE_{PCREPOSIX,PCRE2POSIX,LIBGCC,TAR,CPIO,CAT,UNZIP,TEST,INSTALL,WERROR}=OFF
	# A check that quietly failed would lose something from every backup.
	for found in ARCHIVE_ACL_LIBACL ARCHIVE_XATTR_LINUX HAVE_LIBZSTD HAVE_LINUX_FIEMAP_H HAVE_WORKING_FS_IOC_GETFLAGS HAVE_ZLIB_H; do
		grep -q "define $found 1" config.h || { echo "libarchive was configured without $found"; return 1; }
	done
	install -m 644 libarchive/libarchive.a "$prefix/lib/"
	install_headers . "$tree"/libarchive/archive.h "$tree"/libarchive/archive_entry.h
	install_licence libarchive
}

# Links something of everything the way the agent is linked, and looks at what came out: a static-pie that
# wants no loader. It is not run, since it may be for the other architecture.
build_check() {
	cat >check.c <<-'EOF'
		#include <archive.h>
		#include <jansson.h>
		#include <linux/fs.h>
		#include <linux/fiemap.h>
		#include <mbedtls/ssl.h>
		#include <sys/acl.h>
		#include <zlib.h>
		#include <zstd.h>
		int main(void)
		{
			mbedtls_ssl_config c;
			mbedtls_ssl_config_init(&c);
			return !(archive_read_disk_new() && json_object() && acl_init(1) && zlibVersion() && ZSTD_createCCtx());
		}
	EOF
	"$prefix/bin/muster-cc" -std=c17 -Wall -Werror -Os -Wl,--gc-sections check.c -o check -larchive -lacl -lattr -lzstd -lz \
		-ljansson -lmbedtls -lmbedx509 -lmbedcrypto
	LC_ALL=C "$triplet-readelf" -hldW check >check.txt
	grep -q 'Type: *DYN' check.txt
	! grep -E 'INTERP|NEEDED|TEXTREL' check.txt
}

# One line per thing that is linked into the agent, for the software bill of materials.
write_versions() {
	local gcc_package
	printf '# name\tsource package\tversion\tlicence\tsha256 of the .dsc\tnewest version listed\n'
	cat "$src/sources.lock"
	gcc_package=$(dpkg-query -S "$(realpath "$("$triplet-gcc" -print-libgcc-file-name)")" | cut -d: -f1)
	printf 'libgcc\t%s\t%s\tGPL-3.0-or-later WITH GCC-exception-3.1\t-\t-\n' \
		"$(dpkg-query -W -f '${source:Package}' "$gcc_package")" "$(installed_version "$gcc_package")"
	printf 'linux-headers\t%s\t%s\tGPL-2.0-only WITH Linux-syscall-note\t-\t-\n' \
		"$(dpkg-query -W -f '${source:Package}' "$headers_package")" "$(installed_version "$headers_package")"
}
