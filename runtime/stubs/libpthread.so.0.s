# The names of libpthread.so.0.map. No code: this file is linked against, never loaded.
	.text
	.globl	pthread_create
	.type	pthread_create, @function
pthread_create:
	.globl	pthread_join
	.type	pthread_join, @function
pthread_join:
	.globl	pthread_mutex_lock
	.type	pthread_mutex_lock, @function
pthread_mutex_lock:
	.globl	pthread_mutex_unlock
	.type	pthread_mutex_unlock, @function
pthread_mutex_unlock:
	.globl	pthread_sigmask
	.type	pthread_sigmask, @function
pthread_sigmask:
	.section	.note.GNU-stack,"",@progbits
