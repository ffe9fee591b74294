# cmake -D INPUT=FILE -D OUTPUT=FILE.inc -P EmbedFile.cmake: the bytes of a file as a C initializer.
file(READ ${INPUT} bytes HEX)
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "char(0x\\1)," bytes "${bytes}")
string(REGEX REPLACE ",$" "" bytes "${bytes}")
file(WRITE ${OUTPUT} "${bytes}\n")
