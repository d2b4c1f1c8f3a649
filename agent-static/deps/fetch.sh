# Sourced by build: gets the Debian source packages named in the file sources into $src, once.
#
# apt does the work, with a configuration, source list and lists of our own beside the machine's, so that it
# checks signatures (debian-archive-keyring) and hashes, uses the machine's mirror and proxy, and needs no
# root. The outcome is $src/sources.lock, one line per library:
#   name, source package, version, licence, SHA-256 of the .dsc, newest version the mirror listed

suite=trixie

# Mirrors of Debian in the machine's own apt configuration, as "kind URI", kind being base or security.
# The host's own suite comes along as "host".
list_mirrors() {
	local host
	host=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
	apt-get indextargets --no-release-info --format '$(RELEASE)|$(COMPONENT)|$(REPO_URI)' 'Created-By: Packages' |
		awk -F'|' -v host="$host" -v suite="$suite" '
			$2 != "main" || $3 ~ /^cdrom:/ { next }
			$1 == host || $1 == suite || $1 ~ /^(old)*stable$/ { print "base", $3 }
			$1 == host "-security" || $1 == suite "-security" || $1 ~ /^(old)*stable-security$/ { print "security", $3 }' |
		sort -u
}

write_source_list() { # write_source_list base|security...
	local kind uri options='[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg target=Sources]' host
	host=$(. /etc/os-release && echo "${VERSION_CODENAME:-$suite}")
	list_mirrors | while read -r kind uri; do
		case " $* " in *" $kind "*) ;; *) continue ;; esac
		case $kind in
		base)
			echo "deb-src $options $uri $suite main"
			# Only reached by packages whose least version the older suite satisfies; see the file sources.
			[ "$host" = "$suite" ] || echo "deb-src $options $uri $host main"
			;;
		security) echo "deb-src $options $uri $suite-security main" ;;
		esac
	done >"$src/apt/sources.list"
	[ -s "$src/apt/sources.list" ] || die 3 "found no Debian mirror in this machine's apt configuration"
}

write_apt_conf() {
	mkdir -p "$src/apt/lists/partial" "$src/files"
	cat >"$src/apt/apt.conf" <<-EOF
		Dir::Etc::sourcelist "$src/apt/sources.list";
		Dir::Etc::sourceparts "/dev/null";
		Dir::State::Lists "$src/apt/lists";
		Dir::Cache::pkgcache "";
		Dir::Cache::srcpkgcache "";
		Acquire::Retries "3";
		Acquire::Languages "none";
		// The machine's hooks tidy up after its own package lists, not after ours.
		#clear APT::Update::Pre-Invoke;
		#clear APT::Update::Post-Invoke;
		#clear APT::Update::Post-Invoke-Success;
	EOF
}

apt_get() { apt-get -q -c "$src/apt/apt.conf" "$@" >>"$src/fetch.log" 2>&1; }

# Runs a command, twice if it fails for a reason that may pass (apt itself retries within each). Returns 1 when
# the mirror says that it has no such thing, 2 when it cannot be asked.
persevere() {
	local start try
	for try in 1 2; do
		start=$(($(wc -c <"$src/fetch.log") + 1))
		"$@" && return
		tail -c "+$start" "$src/fetch.log" | grep -qE '404 +Not Found|does not have a Release file' && return 1
		[ "$try" = 2 ] || sleep 3
	done
	return 2
}

# What apt said last, for error messages of one line.
reason() { grep -E "^[EW]: " "$src/fetch.log" | sed "s/^.: *//" | { grep "^Failed to fetch [a-z]*:" || echo "see $(relative "$src/fetch.log")"; } | tail -n 1; }

update_lists() {
	local status=0
	write_source_list base security
	persevere apt_get update --error-on=any || status=$?
	# A mirror without the security archive is usable, point releases bring its fixes; one that is down is not.
	if [ "$status" = 1 ]; then
		write_source_list base
		status=0
		persevere apt_get update --error-on=any || status=$?
		[ "$status" != 0 ] || say "warning: this mirror has no $suite-security" >&2
	fi
	return "$status"
}

# Downloads one package and prints its line of sources.lock. Takes the newest version the mirror really has;
# some list what they no longer carry. A step back is said aloud, recorded, and refused when strict.
fetch_package() {
	local name=$1 package=$2 least=$3 licence=$4 version newest='' dsc status
	for version in $(apt-cache -c "$src/apt/apt.conf" showsrc --only-source "$package" 2>>"$src/fetch.log" |
		sed -n 's/^Version: //p' | sort -Vru); do
		dpkg --compare-versions "$version" ge "$least" || continue
		newest=${newest:-$version} status=0
		persevere apt_get source --download-only --only-source "$package=$version" || status=$?
		if [ "$status" = 0 ]; then
			dsc=${package}_${version#*:}.dsc
			[ "$version" = "$newest" ] ||
				say "warning: $package $newest is listed but not to be had from this mirror, taking $version" >&2
			printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$name" "$package" "$version" "$licence" \
				"$(sha256sum "$dsc" | cut -d' ' -f1)" "$newest"
			return
		fi
		[ "$status" = 1 ] && [ -z "${MUSTER_DEPS_STRICT:-}" ] || break
	done
	die 3 "cannot fetch the source package $package ${newest:-(no version from $least on is listed)}: $(reason)"
}

# Fills $src/files and writes $src/sources.lock, unless they are there for this very list of sources.
fetch_sources() {
	local stamp kept lines
	exec 9>"$src/.lock"
	flock 9
	stamp=$(sha256sum <"$here/sources" | cut -c 1-16)
	kept=$cache/sources-$stamp.lock
	if [ -z "$refresh" ] && [ "$(cat "$src/.stamp" 2>/dev/null)" = "$stamp" ] && [ -f "$src/sources.lock" ]; then
		flock -u 9
		return
	fi
	say "sources (Debian $suite)"
	rm -f "$src/.stamp"
	: >"$src/fetch.log"
	write_apt_conf
	[ -z "$cache" ] || cp -n "$cache"/sources/* "$src/files/" 2>/dev/null || true
	if update_lists; then
		lines=$(grep -v '^#' "$here/sources" | (cd "$src/files" && while IFS=$'\t' read -r name package least licence; do
			fetch_package "$name" "$package" "$least" "$licence" || exit $?
		done)) || exit 3
		printf '%s\n' "$lines" >"$src/sources.lock"
		keep_sources
	elif [ -n "$cache" ] && [ -z "$refresh" ] && [ -f "$kept" ]; then
		say "warning: the mirror does not answer ($(reason)); taking the sources of $(date -r "$kept" +%F)" >&2
		cp "$kept" "$src/sources.lock"
	else
		die 3 "cannot read the source lists of $suite: $(reason)"
	fi
	printf '%s\n' "$stamp" >"$src/.stamp"
	rm -rf "$src/apt/lists" # 20 MB that nothing reads again
	flock -u 9
}

# Copies downloads and lock to the cache, each by a rename. Best effort, like the rest of the cache. What comes
# back from it is checked: by apt against the signed lists, without a mirror against the sums in the lock.
keep_sources() {
	local file to tmp
	[ -n "$cache" ] && mkdir -p "$cache/sources" 2>/dev/null || return 0
	for file in "$src"/files/* "$src/sources.lock"; do
		to=$cache/sources/${file##*/}
		[ "$file" != "$src/sources.lock" ] || to=$kept
		[ ! -e "$to" ] || [ "$to" = "$kept" ] || continue
		tmp=$(mktemp "$cache/.tmp.XXXXXX" 2>/dev/null) || return 0
		cp "$file" "$tmp" && mv -f "$tmp" "$to" || rm -f "$tmp"
	done
}

# Prints the directory of an unpacked source with Debian's patches applied; unpacks it when it is new. The
# .dsc must be the one in the lock, and dpkg-source holds the rest to the sums in it.
unpack_source() {
	local name=$1 package version sum dir dsc
	IFS=$'\t' read -r _ package version _ sum _ < <(grep "^$name"$'\t' "$src/sources.lock")
	dsc=$src/files/${package}_${version#*:}.dsc dir=$src/tree/$name-${version#*:}
	flock 9
	if [ ! -d "$dir" ]; then
		[ "$(sha256sum 2>/dev/null <"$dsc" | cut -d" " -f1)" = "$sum" ] || die 3 "$(relative "$dsc") is not what was fetched; try --refresh"
		rm -rf "$dir.new"
		mkdir -p "$src/tree"
		dpkg-source --no-copy -x "$dsc" "$dir.new" >>"$log" 2>&1 || die 3 "cannot unpack $(relative "$dsc"); see $(relative "$log")"
		mv "$dir.new" "$dir"
	fi
	flock -u 9
	printf '%s\n' "$dir"
}
