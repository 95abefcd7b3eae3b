<?php
final class Shape
{
    public function __construct(public readonly int $width, public readonly int $height)
    {
    }

    public function area(): int
    {
        return $this->width * $this->height;
    }
}
