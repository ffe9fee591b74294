# The names of ld-linux-x86-64.so.2.map. No code: this file is linked against, never loaded.
	.text
	.globl	__tls_get_addr
	.type	__tls_get_addr, @function
__tls_get_addr:
	.section	.note.GNU-stack,"",@progbits
