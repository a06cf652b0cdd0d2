# cmake -DINPUT=file -DOUTPUT=name.h -DNAME=symbol -P embed.cmake: a file as an array in a C header.
# An empty file is an array of one NUL, since C has no empty ones.
file(READ ${INPUT} bytes HEX)
if(bytes STREQUAL "")
  set(bytes 00)
endif()
string(REGEX REPLACE "(..)" "0x\\1," bytes "${bytes}")
string(REGEX REPLACE "(................................................................................)" "\\1\n" bytes "${bytes}")
file(WRITE ${OUTPUT} "/* ${INPUT} */\n#pragma once\n#include <stddef.h>\n"
     "static const unsigned char ${NAME}[] = {\n${bytes}\n};\nstatic const size_t ${NAME}_size = sizeof ${NAME};\n")
