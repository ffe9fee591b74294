# The names of libdl.so.2.map. No code: this file is linked against, never loaded.
	.text
	.globl	dlclose
	.type	dlclose, @function
dlclose:
	.globl	dlopen
	.type	dlopen, @function
dlopen:
	.globl	dlsym
	.type	dlsym, @function
dlsym:
	.section	.note.GNU-stack,"",@progbits
