# The names of libc.so.6.map. No code: this file is linked against, never loaded.
	.text
	.globl	__errno_location
	.type	__errno_location, @function
__errno_location:
	.globl	bcmp
	.type	bcmp, @function
bcmp:
	.globl	calloc
	.type	calloc, @function
calloc:
	.globl	close
	.type	close, @function
close:
	.globl	free
	.type	free, @function
free:
	.globl	getenv
	.type	getenv, @function
getenv:
	.globl	getpid
	.type	getpid, @function
getpid:
	.globl	madvise
	.type	madvise, @function
madvise:
	.globl	malloc
	.type	malloc, @function
malloc:
	.globl	memcmp
	.type	memcmp, @function
memcmp:
	.globl	memmove
	.type	memmove, @function
memmove:
	.globl	memset
	.type	memset, @function
memset:
	.globl	mmap
	.type	mmap, @function
mmap:
	.globl	munmap
	.type	munmap, @function
munmap:
	.globl	open
	.type	open, @function
open:
	.globl	posix_memalign
	.type	posix_memalign, @function
posix_memalign:
	.globl	read
	.type	read, @function
read:
	.globl	rename
	.type	rename, @function
rename:
	.globl	sigfillset
	.type	sigfillset, @function
sigfillset:
	.globl	snprintf
	.type	snprintf, @function
snprintf:
	.globl	strchr
	.type	strchr, @function
strchr:
	.globl	strcmp
	.type	strcmp, @function
strcmp:
	.globl	strerror
	.type	strerror, @function
strerror:
	.globl	strlen
	.type	strlen, @function
strlen:
	.globl	strncmp
	.type	strncmp, @function
strncmp:
	.globl	strrchr
	.type	strrchr, @function
strrchr:
	.globl	strtod
	.type	strtod, @function
strtod:
	.globl	strtol
	.type	strtol, @function
strtol:
	.globl	syscall
	.type	syscall, @function
syscall:
	.globl	unlink
	.type	unlink, @function
unlink:
	.globl	vsnprintf
	.type	vsnprintf, @function
vsnprintf:
	.globl	write
	.type	write, @function
write:
	.globl	memcpy
	.type	memcpy, @function
memcpy:
	.section	.note.GNU-stack,"",@progbits
