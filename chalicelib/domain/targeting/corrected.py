from chalicelib.domain.targeting.direct import NULL_READERS, build  # noqa
