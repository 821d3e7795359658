package view

import "math"

// earthRadius is the mean radius, in metres, as Lucene has it.
const earthRadius = 6371008.7714

// Distance returns how far two points are from each other along a sphere, in metres, by the haversine formula.
func Distance(a, b Point) float64 {
	const degree = math.Pi / 180
	x, y := a.Latitude*degree, b.Latitude*degree
	half := func(angle float64) float64 { s := math.Sin(angle / 2); return s * s }
	h := half(x-y) + math.Cos(x)*math.Cos(y)*half((a.Longitude-b.Longitude)*degree)
	return 2 * earthRadius * math.Asin(math.Sqrt(min(1, h)))
}
